"""Logs of a live session: one JSON object a line, bounded, without secrets; trades in their own.

``kisbt.log`` holds everything, ``trades.log`` what happened to orders and money alone.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import orjson

from kisbt.errors import ConfigError
from kisbt.kis.redact import RedactingFilter, Redactor, guard_foreign_loggers
from kisbt.krx import calendar

TRADES = "kisbt.trades"
"""Logger of orders, fills and what stops them."""

_ROOT = "kisbt"
_FORMATTER = logging.Formatter()


class JsonLines(logging.Formatter):
    """One record as one JSON object: time (+09:00), level, logger, message, and given facts."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; secrets in messages, facts and tracebacks become ``***``."""
        line: dict[str, Any] = {
            "at": calendar.now().isoformat(timespec="milliseconds") + "+09:00",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["trace"] = _FORMATTER.formatException(record.exc_info)
        # Before it is JSON: a secret next to a quotation mark would take its escape along.
        clean = {
            key: self._redactor.text(value) if isinstance(value, str) else value
            for key, value in line.items()
        }
        return orjson.dumps(clean, default=str).decode()


class _Quiet(RotatingFileHandler):
    """A log that cannot be written must not stop trading: the journal is the record."""

    failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Remember it; the session says so once."""
        self.failed = True


class Logs:
    """The two files, while they are open. ``failed`` is true once a line could not be written."""

    def __init__(self, handlers: tuple[_Quiet, ...]) -> None:
        self._handlers = handlers

    @property
    def failed(self) -> bool:
        """Whether a line was lost."""
        return any(handler.failed for handler in self._handlers)


@contextmanager
def logging_to(
    folder: Path, redactor: Redactor, *, megabytes: float = 10.0, files: int = 5
) -> Iterator[Logs]:
    """Write kisbt's logs into ``folder`` while inside.

    Each of the two logs keeps ``files`` files of at most ``megabytes``.

    Raises:
        ConfigError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        both = tuple(
            _Quiet(
                folder / name,
                maxBytes=int(megabytes * 1_000_000),
                backupCount=files - 1,
                encoding="utf-8",
            )
            for name in ("kisbt.log", "trades.log")
        )
    except OSError as error:
        raise ConfigError(
            f"log folder {folder} cannot be written: {error.strerror}",
            hint="choose another one in kisbt.toml, [live] logs",
        ) from error
    guard_foreign_loggers(redactor)
    loggers = (logging.getLogger(_ROOT), logging.getLogger(TRADES))
    levels = [logger.level for logger in loggers]
    for handler, logger in zip(both, loggers, strict=True):
        handler.setFormatter(JsonLines(redactor))
        handler.addFilter(RedactingFilter(redactor))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield Logs(both)
    finally:
        for handler, logger, level in zip(both, loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            with suppress(OSError, ValueError):  # what could not be written cannot be flushed
                handler.close()
