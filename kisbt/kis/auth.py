"""Tokens and keys of one KIS key pair, shared by all processes of this user."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, NamedTuple

import orjson
import platformdirs
from pydantic import SecretStr

from kisbt.errors import ConfigError
from kisbt.kis.codes import Kind, meaning
from kisbt.kis.config import Access
from kisbt.kis.endpoints import Family
from kisbt.kis.environment import Env
from kisbt.kis.errors import KISAPIError, OutcomeUnknown, Refused, Throttled, Unreachable
from kisbt.kis.limits import RateLimiter
from kisbt.kis.private_files import locked, private_folder, write_private
from kisbt.kis.retry import robust_api_call
from kisbt.kis.wire import Answer, Wire
from kisbt.krx.calendar import KST

logger = logging.getLogger(__name__)

SPARE_SECONDS = 600.0
"""A token is replaced this long before it expires, a short-lived one in its last tenth."""

MINUTE = 61.0
"""Seconds between two issues of a token: KIS allows one a minute (EGW00133)."""

ATTEMPTS = 4
"""How often a token is tried for, waits included."""

APPROVAL_SECONDS = 12 * 3600.0
"""How long a WebSocket approval key is used; KIS keeps it for about 24 hours."""


class Token(NamedTuple):
    """An access token. ``expires`` and ``renew`` (use no longer) are in seconds since 1970."""

    text: SecretStr
    expires: float
    renew: float

    @property
    def expires_at(self) -> datetime:
        """When it expires, naive KST."""
        return datetime.fromtimestamp(self.expires, KST).replace(tzinfo=None)


def default_cache() -> Path:
    """The per-user folder of tokens and rate counters."""
    return Path(platformdirs.user_cache_dir("kisbt")) / "kis"


class KISAuthManager(Generic[Env]):
    """Issues, keeps, shares and revokes the token of one key pair in one environment.

    The cache file is named after environment, host and key, so paper and real never meet; it is
    0600 in ``folder``. Safe from any thread and process.
    """

    def __init__(
        self,
        access: Access[Env],
        wire: Wire,
        limiter: RateLimiter,
        *,
        folder: Path | None = None,
        epoch: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._access: Access[Env] = access
        self._wire, self._limiter = wire, limiter
        self._epoch, self._sleep = epoch, sleep
        self._folder = private_folder(folder or default_cache())
        self.cache_name = cache_name(access)
        self._path = self._folder / f"token-{self.cache_name}.json"
        self._lock_path = self._path.with_suffix(".lock")
        self._token: Token | None = None

    def token(self, *, patience: float = 70.0) -> Token:
        """Return a valid token, issuing one if there is none.

        Args:
            patience: Longest wait in seconds for KIS's one-a-minute rule.

        Raises:
            Throttled: a token was issued less than a minute ago, and is no longer valid.
            Refused: the key pair is wrong.
            Unreachable: the token server does not answer.
        """
        known = self._token
        if known is not None and self._usable(known):
            return known
        deadline = self._epoch() + patience
        failures = 0
        while not isinstance(found := self._find_or_issue(), Token):
            failures += 1
            wait = found.retry_after if isinstance(found, Throttled) else 0.5 * 2**failures
            if failures == ATTEMPTS or self._epoch() + wait > deadline:
                raise found
            logger.info("waiting %.0f s for a token: %s", wait, found.message)
            self._sleep(wait)
        self._token = found
        return found

    def _find_or_issue(self) -> Token | Throttled | Unreachable:
        """Return a token, or what stands in the way for now."""
        with locked(self._lock_path):
            cache = self._read()
            found = _token_of(cache)
            if found is not None and self._usable(found):
                self._access.redactor.learn(found.text.get_secret_value())
                return found
            now = self._epoch()
            issued = float(cache.get("issued", 0.0))
            if issued <= now < issued + MINUTE:
                return _one_a_minute(issued + MINUTE - now)
            cache.pop("token", None)
            self._write(cache | {"issued": now})  # counts, even if this process dies now
            try:
                return self._issue(cache)
            except OutcomeUnknown:  # the answer is lost, so a token may have been issued
                self._write(cache | {"issued": self._epoch()})
                return _one_a_minute(MINUTE)
            except Refused:
                self._write(cache | {"issued": issued})
                raise
            except Throttled as error:
                if error.msg_cd == "EGW00133":
                    return _one_a_minute(MINUTE)
                failure: Throttled | Unreachable = error
            except Unreachable as error:
                failure = error
            self._write(cache | {"issued": issued})
            return failure

    def invalidate(self, token: Token) -> None:
        """Drop ``token`` here and in the cache, unless somebody has replaced it already."""
        with locked(self._lock_path):
            cache = self._read()
            if cache.get("token") == token.text.get_secret_value():
                cache.pop("token", None)
                self._write(cache)
        if self._token == token:
            self._token = None

    def revoke(self) -> None:
        """Give the token back to KIS and forget it; no token, no call."""
        with locked(self._lock_path):
            cache = self._read()
            text = str(cache.pop("token", ""))
            if text:
                body = {**self._key_pair("appsecret"), "token": text}
                self._post("/oauth2/revokeP", body)
                self._write(cache)
        self._token = None

    def approval_key(self, *, renew: bool = False) -> SecretStr:
        """Return the key for opening stream registrations; ``renew`` ignores the cached one."""
        with locked(self._lock_path):
            cache = self._read()
            fresh = float(cache.get("approval_issued", 0.0)) > self._epoch() - APPROVAL_SECONDS
            text = str(cache.get("approval", ""))
            if renew or not (text and fresh):
                body = {"grant_type": "client_credentials", **self._key_pair("secretkey")}
                answer = self._post("/oauth2/Approval", body)
                text = str(answer.body.get("approval_key") or "")
                if not text:
                    raise KISAPIError("/oauth2/Approval answered without an approval_key")
                cache |= {"approval": text, "approval_issued": self._epoch()}
                self._write(cache)
        self._access.redactor.learn(text)
        return SecretStr(text)

    def hashkey(self, body: Mapping[str, str]) -> str:
        """Return KIS's hash of an order body, for the optional ``hashkey`` header."""
        answer = self._post("/uapi/hashkey", body, headers=self._key_pair("appsecret"))
        text = str(answer.body.get("HASH") or "")
        if not text:
            raise KISAPIError("/uapi/hashkey answered without a HASH")
        return text

    def headers(self, token: Token) -> dict[str, str]:
        """Return the headers that prove who is calling. Secret."""
        return {
            "authorization": f"Bearer {token.text.get_secret_value()}",
            **self._key_pair("appsecret"),
        }

    def _usable(self, token: Token) -> bool:
        return token.renew > self._epoch()

    def _issue(self, cache: dict[str, Any]) -> Token:
        """Ask for a token; the caller holds the lock."""
        body = {"grant_type": "client_credentials", **self._key_pair("appsecret")}
        answer = self._post_once("/oauth2/tokenP", body, {}, repeatable=False)
        text = str(answer.body.get("access_token") or "")
        if not (text.isascii() and text.isprintable() and text):
            raise KISAPIError("/oauth2/tokenP answered without an access_token")
        self._access.redactor.learn(text)
        issued = self._epoch()
        expires = _expiry(answer.body, issued)
        cache |= {"token": text, "expires": expires, "issued": issued}
        self._write(cache)
        return Token(SecretStr(text), expires, _renewal(expires, issued))

    def _post(
        self, path: str, body: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Post to an oauth path; its errors come without the usual envelope."""
        robust = robust_api_call(attempts=3, sleep=self._sleep)
        return robust(self._post_once)(path, body, headers or {})

    def _post_once(
        self,
        path: str,
        body: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        repeatable: bool = True,
    ) -> Answer:
        with self._limiter.slot(Family.OAUTH):
            answer = self._wire.exchange(
                "POST",
                path,
                headers={"content-type": "application/json; charset=utf-8", **headers},
                body=body,
                repeatable=repeatable,
            )
        code = str(answer.body.get("error_code") or answer.body.get("msg_cd") or "")
        if answer.status == 200 and not code.startswith("EGW"):
            return answer
        text = str(answer.body.get("error_description") or answer.body.get("msg1") or "").strip()
        message = self._access.redactor.text(f"{path}: {text or 'refused'} ({code})")
        if meaning(code, 200).kind is Kind.THROTTLED:
            raise Throttled(message, msg_cd=code)
        if answer.status >= 500:
            raise Unreachable(message, hint="try again later", msg_cd=code)
        raise Refused(message, hint=meaning(code, 200).hint, msg_cd=code)

    def _key_pair(self, secret_name: str) -> dict[str, str]:
        return {
            "appkey": self._access.app_key.get_secret_value(),
            secret_name: self._access.app_secret.get_secret_value(),
        }

    def _read(self) -> dict[str, Any]:
        """Return the cache; a damaged one counts as none."""
        try:
            cache = orjson.loads(self._path.read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return {}
        except OSError as error:
            raise ConfigError(f"token cache {self._path} cannot be read") from error
        return cache if isinstance(cache, dict) else {}

    def _write(self, cache: Mapping[str, Any]) -> None:
        write_private(self._path, orjson.dumps(cache))


def cache_name(access: Access[Env]) -> str:
    """Return a file name part for one key pair on one host: no secret can be read from it."""
    identity = f"{access.rest_url}\n{access.app_key.get_secret_value()}"
    return f"{access.environment.name}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def _token_of(cache: Mapping[str, Any]) -> Token | None:
    text, expires, issued = cache.get("token"), cache.get("expires"), cache.get("issued")
    if not isinstance(text, str) or not text or not isinstance(expires, int | float):
        return None
    start = issued if isinstance(issued, int | float) else expires - 86400
    return Token(SecretStr(text), float(expires), _renewal(float(expires), float(start)))


def _renewal(expires: float, issued: float) -> float:
    return expires - min(SPARE_SECONDS, 0.1 * max(expires - issued, 0.0))


def _one_a_minute(wait: float) -> Throttled:
    return Throttled(
        f"KIS issues one token a minute; the next in {wait:.0f} s",
        hint="keep the token cache, or wait",
        msg_cd="EGW00133",
        retry_after=wait,
    )


def _expiry(body: Mapping[str, Any], issued: float) -> float:
    """Return the earlier of what the answer's two fields say, a day at most.

    A date that has passed is no statement about the token but about the server's clock.
    """
    ends = [issued + 86400.0]
    seconds = body.get("expires_in")
    if isinstance(seconds, int | float) and seconds > 0:
        ends.append(issued + seconds)
    try:
        text = str(body.get("access_token_token_expired") or "").strip()
        end = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=KST).timestamp()
        ends.extend([end] if end > issued else [])
    except ValueError:
        pass
    return min(ends)
