"""Odoo's errors by the name that clients see, with the HTTP status that JSON-2 gives each."""


class ServerError(Exception):
    """An error of the server; `name` is the exception class as Odoo names it."""

    name = "odoo.exceptions.UserError"
    status = 422

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class OdooUserError(ServerError):
    """The user asked for something that isn't possible now."""


class ValidationError(OdooUserError):
    name = "odoo.exceptions.ValidationError"


class RedirectWarning(ServerError):
    """As a user error, with somewhere to go in the web client."""

    name = "odoo.exceptions.RedirectWarning"
    status = 500


class AccessError(ServerError):
    name = "odoo.exceptions.AccessError"
    status = 403


class AccessDenied(ServerError):
    name = "odoo.exceptions.AccessDenied"
    status = 403


class MissingError(ServerError):
    name = "odoo.exceptions.MissingError"
    status = 404


class NotFound(ServerError):
    name = "werkzeug.exceptions.NotFound"
    status = 404


class Unprocessable(ServerError):
    name = "werkzeug.exceptions.UnprocessableEntity"
    status = 422


class Unauthorized(ServerError):
    name = "werkzeug.exceptions.Unauthorized"
    status = 401


class PythonError(ServerError):
    """What Odoo didn't catch: a Python exception, named as such."""

    status = 500

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.name = f"builtins.{kind}"


class NoDatabase(ServerError):
    name = "psycopg2.OperationalError"
    status = 500

    def __init__(self, database: str) -> None:
        super().__init__(f'connection to server failed: FATAL:  database "{database}" does not exist\n')
