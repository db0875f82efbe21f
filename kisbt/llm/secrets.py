"""The key of a provider: read from the environment, and kept out of every text."""

import logging
import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr

from kisbt.config import LLMSettings
from kisbt.errors import ConfigError

MASK = "***"

_NO_KEY = "none"
"""What a server that needs no key is sent: the protocol wants a word."""

_LOOKS_SECRET = (
    re.compile(r"\b(?:sk|rk|pk|key|gsk|xai)-[A-Za-z0-9_*.-]{6,}"),
    re.compile(r"(?i)(?<=bearer )[^\s\"',]+"),
    re.compile(r"(?i)((?:api[_-]?key|authorization)[\"']?\s*[:=]\s*[\"']?)[^\s\"',&}]{6,}"),
    re.compile(r"(?<=://)[^/\s@]+:[^/\s@]+(?=@)"),
)


def find_key(settings: LLMSettings, environ: Mapping[str, str]) -> SecretStr:
    """The key for ``settings.base_url``.

    A server on this machine or network gets a key only from a variable that was named for it:
    the usual one of OpenAI is not for others to see.

    Raises:
        ConfigError: a server elsewhere, and no key.
    """
    name = settings.api_key_env
    usual = name == LLMSettings.model_fields["api_key_env"].default
    nearby = is_local(settings.base_url)
    value = "" if nearby and usual else environ.get(name, "").strip()
    if value:
        return SecretStr(value)
    if nearby:
        return SecretStr(_NO_KEY)
    raise ConfigError(
        f"no key for {shown_url(settings.base_url)}: environment variable {name} is not set",
        hint=f"export {name}=..., or name another variable with llm.api_key_env",
    )


def is_local(base_url: str) -> bool:
    """Whether the address is of this machine or a private network."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost" or host.endswith((".localhost", ".local")):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private


def shown_url(base_url: str) -> str:
    """The address as it may be told: without user, password and query."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


class Redactor:
    """Replaces the key, and what looks like one, by ``***``."""

    def __init__(self, key: SecretStr) -> None:
        value = key.get_secret_value()
        self._key = value if value != _NO_KEY else ""

    def text(self, text: str) -> str:
        """Return ``text`` without keys."""
        if self._key:
            text = text.replace(self._key, MASK)
        for pattern in _LOOKS_SECRET:
            text = pattern.sub(rf"\g<1>{MASK}" if pattern.groups else MASK, text)
        return text

    def guard_loggers(self) -> None:
        """Clean what the client library and its HTTP library log, at any level."""
        for name in _FOREIGN_LOGGERS:
            logging.getLogger(name).addFilter(_Filter(self))


_FOREIGN_LOGGERS = (
    "openai._base_client",
    "openai._response",
    "openai._legacy_response",
    "httpx2",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
)


class _Filter(logging.Filter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            message = "a log record could not be formatted"
        record.msg, record.args = self._redactor.text(message), None
        return True
