"""KIS's gateway of one environment: keys, tokens, approval keys, and the limits on them.

Tokens and limits run on the wall clock, not on the venue's: clients compare a token's expiry with
their own clock, and pause by it.
"""

import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from kisbt.krx.calendar import KST
from kisbt.sim.credentials import Credentials
from kisbt.sim.flavour import FACTS, Flavour
from kisbt.sim.rest.errors import GatewayError, oauth_refusal, refusal

LIFETIME = timedelta(hours=24)
SAME_TOKEN = timedelta(hours=6)
"""A request within six hours gets the same token again."""

MINUTE = timedelta(minutes=1)
WINDOW = 1.0
"""Seconds of the sliding window of the request limit."""


class Token(NamedTuple):
    """An access token: its text, key, times of issue and expiry (naive KST)."""

    text: str
    appkey: str
    issued: datetime
    expires: datetime


@dataclass
class Meter:
    """Requests of one key: times in the window, and the most that were ever let through in it."""

    times: deque[float] = field(default_factory=deque)
    most: int = 0
    let_through: int = 0
    refused: int = 0


@dataclass
class Gateway:
    """Who may come in, and how often.

    Args:
        flavour: The environment it guards.
        wall: The wall clock, naive KST.
        ticking: Seconds that only go up, for the request limit.
        per_second: Requests a second and key; 0 switches the limit off.
        strict_tokens: One token a minute (EGW00133), as KIS has it.
        foreign: Keys of the other environment, which get their own error.
    """

    flavour: Flavour
    wall: Callable[[], datetime]
    ticking: Callable[[], float]
    per_second: int | None = None
    strict_tokens: bool = True
    keys: dict[str, Credentials] = field(default_factory=dict)
    foreign: dict[str, Credentials] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    approvals: dict[str, str] = field(default_factory=dict)
    meters: dict[str, Meter] = field(default_factory=dict)
    issues: list[tuple[str, datetime]] = field(default_factory=list)
    _asked: dict[str, datetime] = field(default_factory=dict)

    def admit(self, credentials: Credentials) -> None:
        """Let a key pair in from now on."""
        self.keys[credentials.appkey] = credentials

    @property
    def limit(self) -> int:
        """Requests a second and key."""
        return FACTS[self.flavour].per_second if self.per_second is None else self.per_second

    def issue_token(self, appkey: str, appsecret: str) -> dict[str, Any]:
        """The body of ``tokenP``.

        Raises:
            GatewayError: bad key, bad secret, or asked again within the minute.
        """
        self._check_pair(appkey, appsecret, oauth_refusal, foreign=self._lets_foreign)
        now = self.wall()
        asked = self._asked.get(appkey)
        if self.strict_tokens and asked is not None and now - asked < MINUTE:
            raise oauth_refusal("EGW00133")
        self._asked[appkey] = now
        self.issues.append((appkey, now))
        token = next(
            (
                t
                for t in self.tokens.values()
                if t.appkey == appkey and now - t.issued < SAME_TOKEN and t.expires > now
            ),
            None,
        )
        if token is None:
            token = Token(self._jwt(appkey, now), appkey, now, now + LIFETIME)
            self.tokens[token.text] = token
        return {
            "access_token": token.text,
            "access_token_token_expired": f"{token.expires:%Y-%m-%d %H:%M:%S}",
            "token_type": "Bearer",
            "expires_in": int((token.expires - now).total_seconds()),
        }

    def revoke(self, appkey: str, appsecret: str, text: str) -> dict[str, Any]:
        """The body of ``revokeP``."""
        self._check_pair(appkey, appsecret, oauth_refusal, foreign=self._lets_foreign)
        token = self.tokens.get(text.removeprefix("Bearer "))
        if token is None or token.appkey != appkey:
            raise oauth_refusal("EGW00121")
        del self.tokens[token.text]
        return {"code": 200, "message": "접근토큰 폐기에 성공하였습니다"}

    def issue_approval(self, appkey: str, appsecret: str) -> dict[str, Any]:
        """The body of ``Approval``; a key may hold several approval keys at once.

        ``approvals`` is shared by both environments: python-kis asks paper's host for the approval
        key that it uses on the real stream.
        """
        self._check_pair(appkey, appsecret, oauth_refusal, foreign=self._lets_foreign)
        raw = hashlib.sha256(f"{appkey}:{len(self.approvals)}".encode()).hexdigest()
        approval = f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:32]}"
        self.approvals[approval] = appkey
        return {"approval_key": approval}

    def expire(self, appkey: str) -> bool:
        """Let a key's tokens run out now; whether there was one."""
        now, found = self.wall(), False
        for text, token in list(self.tokens.items()):
            if token.appkey == appkey and token.expires > now:
                self.tokens[text] = token._replace(expires=now)
                found = True
        return found

    def adopt(self, tokens: list[list[str]]) -> None:
        """Take over tokens of an earlier life: text, key, issue and expiry in ISO time."""
        for text, appkey, issued, expires in tokens:
            times = datetime.fromisoformat(issued), datetime.fromisoformat(expires)
            self.tokens[text] = Token(text, appkey, *times)

    def check(self, headers: dict[str, str]) -> Credentials:
        """Who sends this request; ``headers`` by lower-case name.

        Raises:
            GatewayError: too many requests, or anything wrong with token or keys.
        """
        appkey, secret = headers.get("appkey", ""), headers.get("appsecret", "")
        self._count(appkey)
        bearer = headers.get("authorization", "")
        if not bearer:
            raise refusal("EGW00122")
        if not bearer.startswith("Bearer "):
            raise refusal("EGW00205")
        self._check_pair(appkey, secret, refusal)
        token = self.tokens.get(bearer.removeprefix("Bearer ").strip())
        if token is None or token.appkey != appkey:
            raise refusal("EGW00121")
        if token.expires <= self.wall():
            raise refusal("EGW00123")
        return self.keys[appkey]

    def _count(self, appkey: str) -> None:
        if appkey not in self.keys:
            return
        meter = self.meters.setdefault(appkey, Meter())
        now = self.ticking()
        while meter.times and now - meter.times[0] >= WINDOW:
            meter.times.popleft()
        if self.limit and len(meter.times) >= self.limit:
            meter.refused += 1
            raise refusal("EGW00201")
        meter.times.append(now)
        meter.let_through += 1
        meter.most = max(meter.most, len(meter.times))

    @property
    def _lets_foreign(self) -> bool:
        """The paper host gives tokens and approval keys to real keys too, and KIS's does."""
        return self.flavour is Flavour.PAPER

    def _check_pair(
        self,
        appkey: str,
        appsecret: str,
        refused: Callable[[str], GatewayError],
        *,
        foreign: bool = False,
    ) -> None:
        if not appkey:
            raise refused("EGW00102")
        known = self.keys.get(appkey)
        if known is None and appkey in self.foreign:
            if not foreign:
                raise refused("EGW02007" if self.flavour is Flavour.PAPER else "EGW02004")
            known = self.foreign[appkey]
        if known is None:
            raise refused("EGW00103")
        if not appsecret:
            raise refused("EGW00104")
        if not hmac.compare_digest(appsecret.encode(), known.appsecret.encode()):
            raise refused("EGW00105")

    def _jwt(self, appkey: str, now: datetime) -> str:
        """A token like KIS's: HS512, issuer ``unogw``, the key as ``jti``."""
        seconds = int(now.replace(tzinfo=KST).timestamp())
        claims = {
            "sub": "token",
            "aud": hashlib.md5(appkey.encode(), usedforsecurity=False).hexdigest(),
            "prdt_cd": "",
            "iss": "unogw",
            "exp": seconds + int(LIFETIME.total_seconds()),
            "iat": seconds,
            "jti": appkey,
        }
        parts = [_packed({"typ": "JWT", "alg": "HS512"}), _packed(claims)]
        signature = hmac.new(appkey.encode(), ".".join(parts).encode(), hashlib.sha512).digest()
        return ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


def _packed(value: dict[str, Any]) -> str:
    raw = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
