"""One HTTP request to a chat-completions server: send it, bound it, read what came."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NamedTuple

import orjson

from kisbt.config import LLMSettings
from kisbt.errors import ConfigError
from kisbt.llm.secrets import Redactor, find_key, is_local, shown_url

LARGEST = 8_000_000
"""Bytes of an answer beyond which it is no answer."""

Kind = Literal["answer", "busy", "fault", "refused", "unusable"]
"""``busy`` (429) and ``fault`` (5xx, timeout, broken connection) may pass; ``refused`` will not
for this question, ``unusable`` for none."""


class Reply(NamedTuple):
    """What one request came to.

    ``error`` and ``raw`` hold no secret. ``wait`` is the seconds that the server asks to wait,
    ``None`` when it did not say.
    """

    kind: Kind
    text: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    error: str = ""
    raw: str = ""
    status: int = 0
    wait: float | None = None


class Wire:
    """A connection pool to one server, through the ``openai`` package. Safe from any thread.

    Args:
        settings: Address, key's name and timeout.
        environ: Where the key is.

    Raises:
        ConfigError: the address is none, or the key is missing.
    """

    def __init__(self, settings: LLMSettings, environ: Mapping[str, str]) -> None:
        if not settings.base_url.startswith(("http://", "https://")):
            raise ConfigError(
                f"llm.base_url {settings.base_url!r} is no http(s) address",
                hint="write it like http://localhost:11434/v1",
            )
        key = find_key(settings, environ)
        self.address = shown_url(settings.base_url)
        self.redact = Redactor(key).text
        self._redactor = Redactor(key)
        self._redactor.guard_loggers()
        self._seconds = settings.timeout_seconds

        import openai  # takes a second: a replay never needs it

        self._errors = openai
        # Proxies of the environment are for the outside world.
        http = openai.DefaultHttpxClient(trust_env=not is_local(settings.base_url))
        self._client = openai.OpenAI(
            api_key=key.get_secret_value(),
            base_url=settings.base_url,
            max_retries=0,
            timeout=openai.Timeout(self._seconds, connect=min(10.0, self._seconds)),
            http_client=http,
        )

    def close(self) -> None:
        """Close the pool."""
        self._client.close()

    def post(self, body: dict[str, Any]) -> Reply:
        """Send one request and wait for its answer; whatever happens becomes a ``Reply``."""
        errors = self._errors
        try:
            content = self._exchange(body)
        except errors.APITimeoutError:
            return self._fault(f"no answer within {self._seconds:g} s")
        except errors.APIConnectionError as error:
            return self._unconnected(error)
        except errors.APIStatusError as error:
            return self._status(error)
        except (errors.OpenAIError, OSError, ValueError) as error:
            return self._fault(f"{type(error).__name__}: {error}")
        except Exception as error:
            # The HTTP library's own errors while a body is read are no part of openai's tree.
            if type(error).__module__.partition(".")[0] not in ("httpx2", "httpcore2"):
                raise
            return self._fault(f"connection lost: {type(error).__name__}")
        return self._read(content)

    def _exchange(self, body: dict[str, Any]) -> bytes:
        deadline = time.monotonic() + self._seconds
        chunks = []
        size = 0
        completions = self._client.chat.completions.with_streaming_response
        with completions.create(**body) as response:
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > LARGEST:
                    raise ValueError(f"an answer of more than {LARGEST:,} bytes")
                if time.monotonic() > deadline:  # a timeout of the pool is between two chunks
                    raise ValueError(f"no whole answer within {self._seconds:g} s")
        return b"".join(chunks)

    def _read(self, content: bytes) -> Reply:
        try:
            raw = orjson.loads(content)
            message = raw["choices"][0]["message"]
            text = message.get("content") or message.get("refusal") or ""
            if not isinstance(text, str):
                raise TypeError("content is no text")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            shown = content[:2_000].decode("utf-8", "replace")
            return self._fault("the answer is no chat completion", shown)
        usage = raw.get("usage")
        return Reply("answer", text, *_tokens(usage if isinstance(usage, dict) else {}), status=200)

    def _unconnected(self, error: Any) -> Reply:
        cause: BaseException | None = error
        names: list[str] = []
        while cause is not None and len(names) < 10:
            names.append(type(cause).__name__)
            cause = cause.__cause__ or cause.__context__
        if "ConnectError" in names or "UnsupportedProtocol" in names:
            return Reply("unusable", error=f"nobody answers at {self.address}")
        return self._fault(f"connection to {self.address} lost ({names[1 % len(names)]})")

    def _status(self, error: Any) -> Reply:
        status: int = error.status_code
        said = _said(error)
        shown = self.redact(" ".join(said.split()))[:300]
        raw = self.redact(str(error.body))[:2_000]
        text = f"HTTP {status}: {shown}"
        kind: Kind
        if status in (401, 403, 404) or (status == 429 and "insufficient_quota" in raw):
            kind = "unusable"
        elif status == 429:
            kind = "busy"
        elif status in (408, 409, 425) or status >= 500:
            kind = "fault"
        else:
            kind = "refused"
        wait = _wait(error.response.headers)
        return Reply(kind, error=text, raw=raw, status=status, wait=wait)

    def _fault(self, why: str, raw: str = "") -> Reply:
        return Reply("fault", error=self.redact(why), raw=self.redact(raw))


def _said(error: Any) -> str:
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        inner = inner if isinstance(inner, dict) else {"message": inner}
        return str(inner.get("message") or body)
    return str(body or error.message)


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: ``retry-after-ms`` or ``Retry-After``."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
            except (ValueError, TypeError):
                continue
        if seconds == seconds:  # not NaN
            return max(0.0, seconds)
    return None


def _tokens(usage: Mapping[str, Any]) -> tuple[int, int, int]:
    """Tokens in, out and cached, as OpenAI, llama.cpp and DeepSeek write them."""
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    cached = details.get("cached_tokens", usage.get("prompt_cache_hit_tokens"))
    return (
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _count(cached),
    )


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 10**9 else 0
