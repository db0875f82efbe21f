"""The front of one door: a raw HTTP request in, a raw reply out, without sockets or waiting."""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from kisbt.sim.exchange.exchange import Exchange
from kisbt.sim.faults.injector import Injector
from kisbt.sim.faults.profile import FaultKind
from kisbt.sim.flavour import Flavour
from kisbt.sim.gateway import Gateway
from kisbt.sim.rest import errors
from kisbt.sim.rest.errors import BusinessError, GatewayError
from kisbt.sim.rest.info import master_zip
from kisbt.sim.rest.table import BY_PATH, Endpoint
from kisbt.sim.rest.wire import Answer, Call

logger = logging.getLogger(__name__)

MASTER = "/common/master/"
MOST_BODY = 64 * 1024


class Fate(StrEnum):
    """What becomes of a reply: sent, or lost with the connection."""

    SENT = "sent"
    CUT = "cut"


@dataclass
class Reply:
    """An HTTP reply. ``seconds`` to wait before it; ``early`` sends order notices before it."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    fate: Fate = Fate.SENT
    seconds: float = 0.0
    early: bool = False


class Front:
    """KIS's REST surface of one environment.

    Args:
        gateway: Keys, tokens, limits.
        exchange: The venue.
        injector: Faults of requests.
        stamp: The date that new orders carry.
    """

    def __init__(
        self,
        gateway: Gateway,
        exchange: Exchange,
        injector: Injector,
        stamp: Callable[[], date],
    ) -> None:
        self.gateway = gateway
        self.exchange = exchange
        self.injector = injector
        self.stamp = stamp
        self.requests = 0
        self.crashes: list[str] = []

    def respond(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        """Answer one request; never raises. ``path`` is decoded, ``query`` is not."""
        self.requests += 1
        path = re.sub("/+", "/", path)
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            return self._route(method, path, query, lower, body)
        except GatewayError as refused:
            return self._reply(refused.status, refused.body, lower)
        except BusinessError as refused:
            return self._reply(200, refused.body, lower)
        except Exception as error:
            # A bug of ours must look like a fault of KIS's, and must not go unnoticed.
            logger.exception("simulator: %s %s", method, path)
            self.crashes.append(f"{method} {path}: {type(error).__name__}: {error}")
            return self._reply(500, errors.refusal("EGW00002").body, lower)

    def _route(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> Reply:
        if path.startswith("/oauth2/"):
            return self._oauth(method, path, headers, body)
        if path == "/uapi/hashkey" and method == "POST":
            return self._hashkey(headers, body)
        if path.startswith(MASTER):
            packed = master_zip(self.exchange.floor, path.removeprefix(MASTER))
            if packed is not None:
                return Reply(200, packed, {"Content-Type": "application/zip"})
        endpoint = BY_PATH.get(path)
        if endpoint is None or endpoint.method != method:
            raise errors.refusal("EGW00203", 404)
        return self._serve(endpoint, query, headers, body)

    def _oauth(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        if method != "POST" or path not in _OAUTH:
            raise errors.GatewayError(
                404, {"error_description": "유효하지 않은 요청입니다.", "error_code": "EGW00101"}
            )
        lost = self._lost_before("oauth", path)
        if lost is not None:
            return lost
        try:
            values = _json_object(body)
        except BusinessError:
            raise errors.oauth_refusal("EGW00101") from None
        text = {key: value for key, value in values.items() if isinstance(value, str)}
        appkey = text.get("appkey", "")
        if path != "/oauth2/revokeP":
            if "grant_type" not in text:
                raise errors.oauth_refusal("EGW00115")
            if text["grant_type"] != "client_credentials":
                raise errors.oauth_refusal("EGW00116")
        if path == "/oauth2/tokenP":
            answer = self.gateway.issue_token(appkey, text.get("appsecret", ""))
        elif path == "/oauth2/Approval":
            answer = self.gateway.issue_approval(appkey, text.get("secretkey", ""))
        else:
            answer = self.gateway.revoke(appkey, text.get("appsecret", ""), text.get("token", ""))
        return self._after("oauth", path, self._reply(200, answer, headers))

    def _hashkey(self, headers: dict[str, str], body: bytes) -> Reply:
        values = _json_object(body)
        return self._reply(200, {"BODY": values, "HASH": digest(values)}, headers)

    def _serve(self, endpoint: Endpoint, query: str, headers: dict[str, str], body: bytes) -> Reply:
        credentials = self.gateway.check(headers)
        tr_id, at, injector = headers.get("tr_id", ""), self.exchange.now, self.injector
        family = endpoint.family
        self._check_tr(endpoint, tr_id)
        if injector.throttled(at, tr_id, family):
            raise errors.refusal("EGW00201")
        if injector.strike(FaultKind.TOKEN_EXPIRED, at, tr_id, family):
            self.gateway.expire(credentials.appkey)
            raise errors.refusal("EGW00123")
        lost = self._lost_before(family, tr_id)
        if lost is not None:
            return lost
        fields = _body_fields(body) if endpoint.method == "POST" else _query_fields(query)
        if endpoint.method == "POST" and "hashkey" in headers:
            self._check_hash(headers["hashkey"], body)
        more = headers.get("tr_cont", "").strip() == "N"
        call = Call(
            self.gateway.flavour, self.exchange, credentials, tr_id, fields, more, self.stamp()
        )
        answer = endpoint.answer(call)
        if endpoint.path.endswith("inquire-daily-ccld"):
            self._spoil(answer, tr_id)
        reply = self._reply(200, answer.body, headers, answer.tr_cont)
        if family == "orders":
            detail = answer.body["output"]["ODNO"]
            early = injector.strike(FaultKind.NOTICE_EARLY, at, tr_id, family, detail)
            reply.early = early is not None
            return self._after(family, tr_id, reply, detail)
        return self._after(family, tr_id, reply)

    def _check_tr(self, endpoint: Endpoint, tr_id: str) -> None:
        """The TR id must belong to the path and to this environment."""
        if self.gateway.flavour is Flavour.REAL:
            if tr_id not in endpoint.real:
                raise errors.refusal("OPSQ0002", 200)
        elif tr_id not in endpoint.paper:
            virtual = [f"V{each[1:]}" for each in endpoint.real]
            known = tr_id in endpoint.real or tr_id in virtual
            raise errors.refusal("EGW02006") if known else errors.refusal("OPSQ0002", 200)

    def _lost_before(self, family: str, subject: str) -> Reply | None:
        at, strike = self.exchange.now, self.injector.strike
        if strike(FaultKind.REQUEST_LOST, at, subject, family):
            return Reply(0, b"", fate=Fate.CUT)
        if strike(FaultKind.SERVER_ERROR, at, subject, family):
            return Reply(500, b"", {"Content-Type": "text/plain"})
        return None

    def _after(self, family: str, subject: str, reply: Reply, detail: str = "") -> Reply:
        at, strike = self.exchange.now, self.injector.strike
        slow = strike(FaultKind.SLOW, at, subject, family, detail)
        reply.seconds = max(0.0, slow.seconds) if slow else 0.0
        if strike(FaultKind.ANSWER_LOST, at, subject, family, detail):
            reply.fate = Fate.CUT
        return reply

    def _spoil(self, answer: Answer, tr_id: str) -> None:
        """Let the daily order list be empty or behind, as paper's is at times."""
        at, strike = self.exchange.now, self.injector.strike
        if strike(FaultKind.EXECUTIONS_EMPTY, at, tr_id, "account"):
            answer.body["output1"] = []
        lag = strike(FaultKind.EXECUTIONS_LAG, at, tr_id, "account")
        if lag is not None:
            floor, edge = self.exchange.floor, at - timedelta(seconds=lag.seconds)
            today = floor.orders.get(floor.day, {}).values()
            numbers = {order.odno for order in today if order.at >= edge}
            answer.body["output1"] = [
                row for row in answer.body["output1"] if row["odno"] not in numbers
            ]

    def _check_hash(self, given: str, body: bytes) -> None:
        if given.strip() != digest(_json_object(body)):
            raise errors.refusal("EGW00131")

    def _reply(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str], tr_cont: str = ""
    ) -> Reply:
        """A reply with KIS's own header names in lower case, as its clients expect them."""
        unique = hashlib.md5(f"{self.requests}".encode(), usedforsecurity=False).hexdigest()
        own = {
            "tr_id": _plain(headers.get("tr_id", ""))[:20],
            "tr_cont": tr_cont,
            "gt_uid": _plain(headers.get("gt_uid", ""))[:32] or unique,
        }
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        raw = text.encode("utf-8", "replace")
        return Reply(status, raw, {"Content-Type": "application/json; charset=utf-8", **own})


_OAUTH = ("/oauth2/tokenP", "/oauth2/revokeP", "/oauth2/Approval")


def _plain(text: str) -> str:
    """What of a request's header may be echoed in one of ours."""
    return re.sub(r"[^A-Za-z0-9_-]", "", text)


def digest(values: Mapping[str, Any]) -> str:
    """The hash of a body, whatever the order of its keys."""
    raw = json.dumps(values, sort_keys=True).encode()
    return hashlib.sha256(raw).hexdigest()


def _json_object(body: bytes) -> dict[str, Any]:
    if len(body) > MOST_BODY:
        raise errors.bad_json()
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise errors.bad_json() from None
    if not isinstance(values, dict):
        raise errors.bad_json()
    return values


def _body_fields(body: bytes) -> dict[str, str]:
    """The body's fields; KIS wants upper-case names and knows no others."""
    fields = {}
    for key, value in _json_object(body).items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise errors.long_field(str(key)[:40])
        fields[key] = str(value)
    return fields


def _query_fields(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=200)
    except ValueError:
        raise errors.bad_json() from None
    return {key.upper(): value for key, value in pairs}
