"""Errors that a user can cause and mend."""


class UserError(Exception):
    """Something asked for can't be done as asked. The message says what to do instead."""
