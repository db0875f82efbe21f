"""Keeps keys, tokens and account numbers out of every text that leaves the process.

Two nets: the exact secrets that this process knows, and patterns of those it does not.
"""

import logging
import re
import threading

MASK = "***"

SHORTEST = 4
"""Shorter secrets are not searched for: they would blank out ordinary words."""

_PATTERNS = (
    re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]+"),  # a JWT, which is what KIS tokens are
    re.compile(r"(?i)(?<=bearer )[^\s\"',]+"),
    re.compile(r"(?i)(?<=CANO=)\d{8}"),
    re.compile(
        r"(?i)(?<![\w-])((?:app_?key|app_?secret|secretkey|access_token|approval_key|cano)"
        r"[\"']?\s*[:=]\s*[\"']?)([^\s\"',&}]{4,})"
    ),
)


class Redactor:
    """Replaces known secrets, and what looks like one, by ``***``. Safe from any thread."""

    def __init__(self, *secrets: str) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """Add secrets; blank and very short ones are ignored."""
        with self._lock:
            self._known.update(secret for secret in secrets if len(secret) >= SHORTEST)
            if self._known:
                longest_first = sorted(self._known, key=lambda known: (-len(known), known))
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def text(self, text: str) -> str:
        """Return ``text`` without secrets."""
        pattern = self._pattern
        if pattern is not None:
            text = pattern.sub(MASK, text)
        for known in _PATTERNS:
            text = known.sub(rf"\1{MASK}" if known.groups else MASK, text)
        return text

    def __repr__(self) -> str:
        return f"Redactor({len(self._known)} secrets)"


class RedactingFilter(logging.Filter):
    """Cleans log records; it never drops one."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message of ``record`` by its clean text."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # logging would print the arguments when it reports the broken format
            record.msg, record.args = "a log record could not be formatted", None
            return True
        clean = self._redactor.text(message)
        if clean != message:
            record.msg, record.args = clean, None
        return True


_FOREIGN_LOGGERS = ("urllib3.connectionpool", "requests")


def guard_foreign_loggers(redactor: Redactor) -> None:
    """Clean what the HTTP libraries log: at DEBUG they print URLs with account numbers."""
    for name in _FOREIGN_LOGGERS:
        logger = logging.getLogger(name)
        if not any(
            isinstance(known, RedactingFilter) and known._redactor is redactor
            for known in logger.filters
        ):
            logger.addFilter(RedactingFilter(redactor))
