"""How KIS writes numbers, times, envelopes and pages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from kisbt.domain.market import PriceBand
from kisbt.sim.credentials import Credentials
from kisbt.sim.exchange.account import Account
from kisbt.sim.exchange.exchange import Exchange
from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.flavour import Flavour
from kisbt.sim.rest.errors import (
    BusinessError,
    long_field,
    missing_field,
    wrong_account,
    wrong_product,
)

Row = dict[str, str]

QUOTE_OK = ("MCA00000", "정상처리 되었습니다.")
INFO_OK = ("KIOK0530", "조회되었습니다")
TEXT_WIDTH, KEY_WIDTH = 80, 100


class Answer(NamedTuple):
    """A body, and the ``tr_cont`` header: M more, D last, blank where nothing is paged."""

    body: dict[str, Any]
    tr_cont: str = ""


@dataclass(frozen=True)
class Call:
    """One authenticated request. ``fields`` by upper-case name; ``stamp`` dates new orders."""

    flavour: Flavour
    exchange: Exchange
    credentials: Credentials
    tr_id: str
    fields: Mapping[str, str]
    more: bool
    stamp: date

    @property
    def floor(self) -> Floor:
        """The venue's state."""
        return self.exchange.floor

    @property
    def paper(self) -> bool:
        """Whether the paper environment answers."""
        return self.flavour is Flavour.PAPER

    def get(self, name: str, otherwise: str = "") -> str:
        """A field without padding, ``otherwise`` when absent."""
        return self.fields.get(name, otherwise).strip()

    def need(self, name: str, longest: int = 100) -> str:
        """A field that must be there.

        Raises:
            BusinessError: absent or too long.
        """
        if name not in self.fields:
            raise missing_field(name)
        value = self.get(name)
        if len(value) > longest:
            raise long_field(name)
        return value

    def whole(self, name: str, otherwise: int | None = None) -> int:
        """A field of digits; blank and absent give ``otherwise`` where that is allowed.

        Raises:
            BusinessError: not a whole number, or missing.
        """
        text = self.get(name) if otherwise is not None else self.need(name, 19)
        if not text and otherwise is not None:
            return otherwise
        digits = text.split(".")[0] if text.rstrip("0").endswith(".") else text
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
            raise long_field(name)
        return int(digits)

    def day(self, name: str) -> date:
        """A ``YYYYMMDD`` field; days that no calendar has are moved inside it.

        Raises:
            BusinessError: not eight digits.
        """
        return parse_day(self.need(name, 10), name)

    def account(self) -> Account:
        """The account the request names, which must be the key's.

        Raises:
            BusinessError: another account or product code.
        """
        holder = self.credentials.holder
        if self.need("CANO", 8) != holder.number:
            raise wrong_account(self.flavour)
        if self.need("ACNT_PRDT_CD", 2) != holder.product:
            raise wrong_product()
        return self.floor.accounts[holder.number + holder.product]

    def name(self, field: str = "FID_INPUT_ISCD") -> NameDay | None:
        """The quoted name, ``None`` when the venue lists no such code."""
        code = self.need(field, 12)
        return self.floor.name(code) if self.floor.known(code) else None


def parse_day(text: str, field: str) -> date:
    """``YYYYMMDD`` as a date; years outside 1990 to 2049 and impossible days are clamped."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        raise long_field(field)
    year = min(max(int(text[:4]), 1990), 2049)
    month = min(max(int(text[4:6]), 1), 12)
    for day in range(min(max(int(text[6:]), 1), 31), 0, -1):
        try:
            return date(year, month, day)
        except ValueError:
            continue
    raise BusinessError("OPSQ2002", f"ERROR : INPUT INVALID_CHECK_FIELD_LENGTH [{field}]")


def quoted(**parts: Any) -> Answer:
    """A successful quotation: outputs first, then the envelope, as KIS orders them."""
    return Answer({**parts, **envelope(*QUOTE_OK)})


def envelope(msg_cd: str, msg1: str, *, pad: bool = False) -> Row:
    """``rt_cd`` 0 and its message; account answers pad the text to 80."""
    text = padded(msg1, TEXT_WIDTH) if pad else msg1
    return {"rt_cd": "0", "msg_cd": msg_cd, "msg1": text}


def padded(text: str, width: int) -> str:
    """Spaces on the right up to ``width``."""
    return text[:width].ljust(width)


def rate(part: float, whole: float, digits: int = 2) -> str:
    """``part`` as a percentage of ``whole``; 0 when there is no whole."""
    return f"{100.0 * part / whole if whole else 0.0:.{digits}f}"


def sign(price: int, base: int, band: PriceBand | None = None) -> str:
    """``prdy_vrss_sign``: 1 upper limit, 2 up, 3 same, 4 lower limit, 5 down."""
    if price == base:
        return "3"
    if price > base:
        return "1" if band is not None and price >= band.upper else "2"
    return "4" if band is not None and price <= band.lower else "5"


def ymd(day: date | None) -> str:
    """``YYYYMMDD``, blank for none."""
    return f"{day:%Y%m%d}" if day else ""


def hms(at: datetime | None) -> str:
    """``HHMMSS``, blank for none."""
    return f"{at:%H%M%S}" if at else ""


def filled(names: Sequence[str], values: Mapping[str, object]) -> Row:
    """All of ``names`` in their order, as strings; what has no value gets its kind of nothing."""
    return {name: str(values[name]) if name in values else nothing(name) for name in names}


def nothing(name: str) -> str:
    """What KIS writes in a field that says nothing here."""
    if name.endswith("_yn"):
        return "N"
    if name.endswith(_TEXTS):
        return ""
    if name.endswith(_LONG_RATES):
        return "0.00000000"
    if name.endswith(_RATES):
        return "0.00"
    return "0"


def listed(rows: Iterable[Row], most: int) -> list[Row]:
    """The first ``most`` rows."""
    return [row for _, row in zip(range(most), rows, strict=False)]


_TEXTS = (
    "_name", "_isnm", "_nm", "_dt", "_date", "_hour", "_tmd", "_cd", "_code", "_no", "_mmdd",
    "_tlno", "_addr", "_empno", "_orgno", "_brno", "_dtmd", "_reas", "_cnnm", "_month", "_name120",
)  # fmt: skip
_LONG_RATES = ("_erng_rt", "weit_rt", "pfls_rt", "tot_pftrt", "fltt_rt")
_RATES = (
    "_rt", "_rate", "_ctrt", "_dprt", "tnrt", "rate1", "per", "pbr", "eps", "bps", "rltv", "_rlim",
    "inrt", "dsrt", "ehrt",
)  # fmt: skip
