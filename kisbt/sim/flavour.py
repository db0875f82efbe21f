"""What differs between KIS's real servers (실전) and its paper ones (모의)."""

from enum import StrEnum
from typing import NamedTuple


class Flavour(StrEnum):
    """Which of the two environments a door serves."""

    PAPER = "paper"
    REAL = "real"


class Facts(NamedTuple):
    """Numbers of one environment.

    ``balance_rows`` and ``orders_rows`` are page sizes; ``per_second`` is the REST limit a key.
    ``branch`` is the order branch (``KRX_FWDG_ORD_ORGNO``). Ports are KIS's own.
    """

    balance_rows: int
    orders_rows: int
    per_second: int
    branch: str
    rest_port: int
    stream_port: int
    notice_tr: str


FACTS = {
    Flavour.PAPER: Facts(20, 15, 2, "00950", 29443, 31000, "H0STCNI9"),
    Flavour.REAL: Facts(50, 100, 20, "06010", 9443, 21000, "H0STCNI0"),
}
