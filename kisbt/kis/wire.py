"""One HTTP exchange with KIS, and the three ways it can end."""

import logging
import threading
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
import requests
from urllib3.exceptions import (
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from kisbt.kis.errors import KISAPIError, OutcomeUnknown, Unreachable
from kisbt.kis.redact import Redactor, guard_foreign_loggers

logger = logging.getLogger(__name__)

IDLE_LIMIT = 4.0
"""Seconds after which a kept connection is not trusted with an order: the server may drop it
at that very moment, and the order's outcome would be unknown for nothing."""

LARGEST_ANSWER = 16 * 1024 * 1024


class Answer(NamedTuple):
    """What came back. ``body`` is the JSON object; ``seconds`` the time from start to end."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]
    seconds: float

    @property
    def tr_cont(self) -> str:
        """The paging mark: F or M when more pages follow."""
        return self.headers.get("tr_cont", "").strip()

    def server_epoch(self) -> float | None:
        """The server's clock in seconds since 1970, from its ``Date`` header."""
        try:
            return parsedate_to_datetime(self.headers["Date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            return None


class Wire:
    """Sends requests to one host. Safe from any thread; each thread has its own connections.

    Errors never carry a header, a body or a query: those hold keys and account numbers.
    """

    def __init__(
        self,
        base_url: str,
        *,
        agent: str = "kisbt",
        connect_seconds: float = 3.05,
        answer_seconds: float = 10.0,
        redactor: Redactor | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.host = urlsplit(self.base_url).netloc
        self._agent = agent
        self._timeout = (connect_seconds, answer_seconds)
        self._redactor = redactor or Redactor()
        self._mine = threading.local()
        self._all: list[requests.Session] = []
        self._lock = threading.Lock()
        guard_foreign_loggers(self._redactor)

    def exchange(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> Answer:
        """Send one request and return the answer, whatever its status.

        Raises:
            Unreachable: no answer, and sending it again is safe: nothing left this machine, or
                the request is ``repeatable``.
            OutcomeUnknown: the request may have been carried out.
        """
        started = time.monotonic()
        session = self._session(fresh=not repeatable)
        failure: KISAPIError
        try:
            response = session.request(
                method,
                self.base_url + path,
                headers=dict(headers or {}),
                params=query,
                data=None if body is None else orjson.dumps(body),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            with response:
                content = _content(response, started + self._timeout[1])
        except requests.RequestException as error:
            failure = self._failure(path, error, repeatable)
        else:
            self._mine.used = time.monotonic()
            parsed = _object(content)
            if parsed is not None:
                seconds = time.monotonic() - started
                return Answer(response.status_code, response.headers, parsed, seconds)
            failure = _lost(
                f"{path}: {self.host} answered HTTP {response.status_code} without a KIS body",
                repeatable,
            )
        raise failure  # outside of the handler: the cause would quote the URL

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for session in self._all:
                session.close()
            self._all.clear()
            self._mine = threading.local()

    def _session(self, *, fresh: bool) -> requests.Session:
        session: requests.Session | None = getattr(self._mine, "session", None)
        if session is None:
            session = requests.Session()
            session.auth = _no_netrc
            session.headers["User-Agent"] = self._agent
            session.trust_env = not self.host.startswith(("127.", "localhost", "[::1]"))
            self._mine.session = session
            with self._lock:
                self._all.append(session)
        elif fresh and time.monotonic() - self._mine.used > IDLE_LIMIT:
            session.close()  # drops the pooled connections; the session goes on with new ones
        self._mine.used = time.monotonic()
        return session

    def _failure(
        self, path: str, error: requests.RequestException, repeatable: bool
    ) -> KISAPIError:
        if _never_left(error):
            return Unreachable(
                f"{path}: no connection to {self.host} ({_why(error)})",
                hint="check the network and the URL in kis_devlp.yaml",
            )
        text = f"{path}: no answer from {self.host} ({_why(error)})"
        return _lost(self._redactor.text(text), repeatable)


def _lost(message: str, repeatable: bool) -> KISAPIError:
    if repeatable:
        return Unreachable(message, hint="try again later")
    return OutcomeUnknown(message, hint="read the day's orders before anything else")


def _content(response: requests.Response, deadline: float) -> bytes:
    """Read the body, but neither for ever nor without end."""
    parts: list[bytes] = []
    size = 0
    try:
        while part := response.raw.read1(65536, decode_content=True):
            size += len(part)
            if size > LARGEST_ANSWER or time.monotonic() > deadline:
                raise requests.ReadTimeout("the answer does not end")
            parts.append(part)
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
    return b"".join(parts)


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _never_left(error: requests.RequestException) -> bool:
    """Whether not a byte of the request can have reached the server."""
    before_sending = (
        requests.ConnectTimeout,
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidHeader,
    )
    if isinstance(error, requests.exceptions.ProxyError):
        return False  # the proxy may have passed it on
    if isinstance(error, before_sending):
        return True
    cause: object = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    if isinstance(error, requests.exceptions.SSLError):
        return "CERTIFICATE_VERIFY_FAILED" in str(cause)
    return isinstance(cause, NewConnectionError | NameResolutionError)


def _why(error: requests.RequestException) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return "connecting took too long"
    if isinstance(error, requests.Timeout):
        return "it took too long"
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    return "connection refused or host unknown" if _never_left(error) else "connection lost"


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep ``requests`` from replacing our Authorization header by one of ~/.netrc."""
    return request
