"""Logs: one line an event, as text for people or JSON for machines; control characters never start a new line."""

import logging.config
from collections.abc import MutableMapping
from typing import Any

import structlog
from django.db.utils import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def logging_config(*, log_format: str, level: str) -> None:
    """Send every logger through structlog to standard output."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(log_format == "json")  # Python's own would be two lines that are no JSON
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"away": {"()": ServerAway}},
            "formatters": {"line": {"()": line_formatter, "log_format": log_format}},
            "handlers": {
                "out": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stdout",
                    "formatter": "line",
                    "filters": ["away"],
                }
            },
            "root": {"handlers": ["out"], "level": level.upper()},
            "loggers": {
                "django.server": {"level": "WARNING"},
                "celery": {"level": "WARNING"},
                "kombu": {"level": "WARNING"},
                # A line a request is for machines to read; on a terminal it would bury what people look for.
                "postdeploy.request_log": {"level": level.upper() if log_format == "json" else "WARNING"},
            },
        }
    )


class ServerAway(logging.Filter):
    """While the broker or the database is away Celery logs stack upon stack; one line says as much."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten such a record; drop none."""
        error = _unwrapped(record.exc_info[1]) if record.exc_info else None
        if not record.name.startswith("celery"):
            return True
        if isinstance(error, RedisError | BrokerError):
            record.msg, record.args, record.exc_info = "the broker is away: %s", (error,), None
        elif is_connection_lost(error):
            record.msg, record.args, record.exc_info = "the database is away: %s", (one_sentence(error),), None
        return True


def _unwrapped(error: BaseException | None) -> BaseException | None:
    """What beat could not do its work for; told by its name, for who only logs shall not load Celery."""
    return error.__context__ if type(error).__name__ == "SchedulingError" and error else error


def is_connection_lost(error: BaseException | None) -> bool:
    """Tell whether the database cannot be reached; what it answered itself, such as a time-out, is told by its code."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    code = getattr(error.__cause__, "pgcode", None)
    return code is None or code.startswith("57P")  # it is shutting down or starting


def one_sentence(error: BaseException | None) -> str:
    """Return what a library says in several lines as one."""
    return " ".join(str(error).split())


def line_formatter(log_format: str = "json") -> logging.Formatter:
    """Return what turns an event into one line; `granian.json` names it for the web server's own events."""
    renderer: Any = structlog.processors.JSONRenderer()
    if log_format == "text":
        renderer = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=SHARED, processors=[remove_meta, one_line, renderer])


def one_line(logger: Any, name: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Escape control characters, so that a request path cannot forge a log line; a traceback keeps its lines."""
    return {key: _escape(text) if isinstance(text, str) and key != "exception" else text for key, text in event.items()}


def _escape(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
