"""A session: one key pair, one account, one environment; turns answers into the three outcomes."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic

from kisbt.kis.auth import KISAuthManager, Token
from kisbt.kis.codes import Kind, meaning
from kisbt.kis.config import Access
from kisbt.kis.endpoints import Endpoint, Family
from kisbt.kis.environment import Env, TrId
from kisbt.kis.errors import (
    KISAPIError,
    NotOnPaper,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unreachable,
)
from kisbt.kis.limits import RateLimiter
from kisbt.kis.retry import robust_api_call
from kisbt.kis.wire import Answer, Wire

PAGE_LIMIT = 200
"""Pages after which a query that never ends is given up."""

ORDER_PATIENCE = 3.0
"""Seconds that an order may be delayed by waits and retries; it is stale after that."""


class _TokenError(Exception):
    """The token is not valid any more; internal to this module."""


class Session(Generic[Env]):
    """Makes calls. Safe from any thread.

    ``hash_orders`` sends KIS's optional hash (hashkey) with every order, at one more call each.
    ``clock_skew`` is the server's clock minus ours in seconds, as of the last answer.
    """

    def __init__(
        self,
        access: Access[Env],
        auth: KISAuthManager[Env],
        wire: Wire,
        limiter: RateLimiter,
        *,
        hash_orders: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.access: Access[Env] = access
        self.auth: KISAuthManager[Env] = auth
        self.wire = wire
        self._limiter = limiter
        self._hash_orders = hash_orders
        self.clock_skew: float | None = None
        self._read = robust_api_call(attempts=5, sleep=sleep)(self._call)
        self._order = robust_api_call(
            attempts=3, seconds=ORDER_PATIENCE, first_wait=0.1, sleep=sleep
        )(self._call)

    @property
    def load(self) -> float:
        """Share of the request limit in use now, 0..1."""
        return self._limiter.load()

    def serves(self, endpoint: Endpoint) -> bool:
        """Whether this session's environment has the call."""
        try:
            self.access.environment.tr_id(endpoint)
        except (NotOnPaper, Refused):
            return False
        return True

    def call(
        self, endpoint: Endpoint, params: Mapping[str, str], *, next_page: bool = False
    ) -> Answer:
        """Make one call and return its answer, which says success.

        The account number is added by itself where the call wants one. A read is repeated while
        KIS is unreachable or throttles; an order only when it surely was not taken.

        Raises:
            Refused, Throttled, Unreachable, NotOnPaper: nothing was done.
            OutcomeUnknown: an order may have been taken.
        """
        tr_id = self.access.environment.tr_id(endpoint)
        robust = self._read if endpoint.repeatable else self._order
        return robust(endpoint, tr_id, params, next_page)

    def pages(
        self, endpoint: Endpoint, params: Mapping[str, str], *, suffix: str = "100"
    ) -> Iterator[Answer]:
        """Make a call and all that continue it, first page first.

        Args:
            endpoint: The call.
            params: Its parameters, without the continuation keys.
            suffix: What the names ``CTX_AREA_FK`` and ``CTX_AREA_NK`` end in.

        Raises:
            KISAPIError: the pages do not end, or do not move.
        """
        fk, nk = f"CTX_AREA_FK{suffix}", f"CTX_AREA_NK{suffix}"
        keys = {fk: "", nk: ""}
        for page in range(PAGE_LIMIT):
            answer = self.call(endpoint, {**params, **keys}, next_page=page > 0)
            yield answer
            if answer.tr_cont not in ("F", "M"):
                return
            following = {
                fk: str(answer.body.get(fk.lower()) or ""),
                nk: str(answer.body.get(nk.lower()) or ""),
            }
            if not following[nk].strip() or following == keys:
                raise KISAPIError(f"{endpoint.name}: more pages announced, but no key to them")
            keys = following
        raise KISAPIError(f"{endpoint.name}: still more pages after {PAGE_LIMIT}")

    def _call(
        self, endpoint: Endpoint, tr_id: TrId, params: Mapping[str, str], next_page: bool
    ) -> Answer:
        """Make the call once; a rejected token is replaced once and does not count."""
        patience = 70.0 if endpoint.repeatable else ORDER_PATIENCE
        token = self.auth.token(patience=patience)
        try:
            return self._exchange(endpoint, tr_id, params, next_page, token)
        except _TokenError:
            self.auth.invalidate(token)
        token = self.auth.token(patience=patience)
        try:
            return self._exchange(endpoint, tr_id, params, next_page, token)
        except _TokenError as error:
            self.auth.invalidate(token)
            text = str(error)
        raise Refused(
            f"{endpoint.name}: {text}",
            hint="a new token was refused, too: is the key valid for this server?",
            tr_id=tr_id,
        )

    def _exchange(
        self,
        endpoint: Endpoint,
        tr_id: TrId,
        params: Mapping[str, str],
        next_page: bool,
        token: Token,
    ) -> Answer:
        headers = {
            **self.auth.headers(token),
            "content-type": "application/json; charset=utf-8",
            "tr_id": tr_id,
            "tr_cont": "N" if next_page else "",
            "custtype": "P",
        }
        if endpoint.family in (Family.ACCOUNT, Family.ORDER):
            account = self.access.account.get_secret_value()
            params = {"CANO": account, "ACNT_PRDT_CD": self.access.product, **params}
        if self._hash_orders and endpoint.family is Family.ORDER:
            headers["hashkey"] = self.auth.hashkey(params)
        get = endpoint.method == "GET"
        with self._limiter.slot(endpoint.family, urgent=endpoint.family is Family.ORDER):
            answer = self.wire.exchange(
                endpoint.method,
                endpoint.path,
                headers=headers,
                query=params if get else None,
                body=None if get else params,
                repeatable=endpoint.repeatable,
            )
        if (epoch := answer.server_epoch()) is not None:
            self.clock_skew = epoch + 0.5 - (time.time() - answer.seconds / 2)
        if answer.status == 200 and str(answer.body.get("rt_cd")) == "0":
            return answer
        raise self._failure(endpoint, tr_id, answer)

    def _failure(
        self, endpoint: Endpoint, tr_id: TrId, answer: Answer
    ) -> KISAPIError | _TokenError:
        """Turn an answer that is no success into its error."""
        code = _text(answer.body.get("msg_cd") or answer.body.get("error_code"))
        words = _text(answer.body.get("msg1") or answer.body.get("error_description"))
        text = self.access.redactor.text(
            f"{words or 'no reason given'} ({code or f'HTTP {answer.status}'})"
        )
        kind, hint = meaning(code, answer.status)
        message = f"{endpoint.name}: {text}"
        if kind is Kind.TOKEN:
            return _TokenError(text)
        if kind is Kind.THROTTLED:
            self._limiter.throttled()
            return Throttled(message, hint=hint, tr_id=tr_id, msg_cd=code)
        if kind is Kind.NOT_ON_PAPER:
            return NotOnPaper(message, hint=hint, tr_id=tr_id, msg_cd=code)
        said_no = bool(code) or (answer.status == 200 and "rt_cd" in answer.body)
        unsure = kind in (Kind.UNSURE, Kind.DOWN) or not said_no
        if unsure and not endpoint.repeatable:
            hint = "read the day's orders before anything else"
            return OutcomeUnknown(message, hint=hint, tr_id=tr_id, msg_cd=code)
        if unsure and not 400 <= answer.status < 500:
            return Unreachable(message, hint=hint or "try again later", tr_id=tr_id, msg_cd=code)
        return Refused(message, hint=hint, tr_id=tr_id, msg_cd=code)


def _text(value: Any) -> str:
    return " ".join(str(value).split()) if value is not None else ""
