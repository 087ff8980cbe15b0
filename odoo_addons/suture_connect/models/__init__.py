from . import connect, outbox, watched  # noqa: F401
