from . import health  # noqa: F401
