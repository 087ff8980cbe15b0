"""Structured logs: one JSON object a line on stderr, references only (`core.redact`)."""

import logging
import sys

import structlog

from suture.core.redact import redact_processor


def configure_logs(level: str, role: str) -> None:
    """Set up this process's logs. Libraries' own logs pass from warning on."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact_processor,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(role=role)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # else a traceback each second that the database is away
