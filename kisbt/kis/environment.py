"""Paper (모의투자) and real (실전투자) as types: an id of one cannot be made from the other."""

import re
from typing import ClassVar, Self, TypeVar

from kisbt.kis.endpoints import Endpoint, Family
from kisbt.kis.errors import NotOnPaper, Refused


class _TrId(str):
    """A transaction id that one kind of session may send; ``ValueError`` for any other text."""

    __slots__ = ()
    allowed: ClassVar[re.Pattern[str]]
    kind: ClassVar[str]

    def __new__(cls, text: str) -> Self:
        """Check ``text`` and return it as an id."""
        if not cls.allowed.fullmatch(text):
            raise ValueError(f"{text!r} is not a transaction id of {cls.kind}")
        return super().__new__(cls, text)


class PaperTrId(_TrId):
    """An id for the paper server: ``V...`` or a quotation's; never a real trading id."""

    __slots__ = ()
    allowed = re.compile(r"(?:V|FHKST|FHPST|FHKUP|FHPUP)[A-Z0-9]{4,}")
    kind = "the paper server"


class QuoteTrId(_TrId):
    """An id for the real server that can only read market data, never an account."""

    __slots__ = ()
    allowed = re.compile(
        r"(?:FHKST|FHPST|FHKUP|FHPUP|HHMCM)[A-Z0-9]{4,}|CTCA0903R|CTPF1604R|CTPF1002R"
    )
    kind = "a session that only reads market data"


class RealTrId(_TrId):
    """An id for the real server, trading included; never a paper id."""

    __slots__ = ()
    allowed = re.compile(r"[TCFH][A-Z0-9]{7,}")
    kind = "the real server"


TrId = PaperTrId | QuoteTrId | RealTrId


class Paper:
    """Paper trading: its own keys, account, hosts and ids."""

    name: ClassVar[str] = "paper"
    korean: ClassVar[str] = "모의"
    notices: ClassVar[str] = "H0STCNI9"

    def tr_id(self, endpoint: Endpoint) -> PaperTrId:
        """Return the paper id of ``endpoint``.

        Raises:
            NotOnPaper: it has none.
        """
        if endpoint.paper is None:
            raise NotOnPaper(
                f"{endpoint.name} ({endpoint.korean}) is not served on paper (모의투자)",
                hint=endpoint.instead or "it needs real keys (실전)",
            )
        return PaperTrId(endpoint.paper)


class RealQuotes:
    """The real server for market data only: what a paper session may borrow of it."""

    name: ClassVar[str] = "real"
    korean: ClassVar[str] = "실전 시세"
    notices: ClassVar[str | None] = None

    def tr_id(self, endpoint: Endpoint) -> QuoteTrId:
        """Return the id of a quotation.

        Raises:
            Refused: ``endpoint`` belongs to an account.
        """
        if endpoint.family is not Family.QUOTE:
            raise Refused(f"{endpoint.name} touches an account; this session only reads quotes")
        return QuoteTrId(endpoint.real)


class Real:
    """Real money."""

    name: ClassVar[str] = "real"
    korean: ClassVar[str] = "실전"
    notices: ClassVar[str] = "H0STCNI0"

    def tr_id(self, endpoint: Endpoint) -> RealTrId:
        """Return the real id of ``endpoint``."""
        return RealTrId(endpoint.real)


Env = TypeVar("Env", Paper, Real, RealQuotes)
"""A session's environment."""

Trading = TypeVar("Trading", Paper, Real)
"""An environment in which orders can be sent."""
