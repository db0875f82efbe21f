"""KIS message codes: what each asks of the caller.

Source: kis-api reference section 5, itself from the portal's list and captures of real answers.
"""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The reaction that a code asks for."""

    THROTTLED = "throttled"
    TOKEN = "token"
    DOWN = "down"
    UNSURE = "unsure"
    REFUSED = "refused"
    NOT_ON_PAPER = "not on paper"


class Meaning(NamedTuple):
    """A kind, and what the user can do in one line."""

    kind: Kind
    hint: str | None = None


_CHECK_KEY = "check the app key and its secret in kis_devlp.yaml; copy both again from the portal"
_CHECK_ACCOUNT = "check the account number (8 digits) in kis_devlp.yaml"
_CHECK_PRODUCT = "check my_prod in kis_devlp.yaml: 01 for an ordinary stock account"
_PAPER_KEY = "paper (모의) and real (실전) have a key pair each: check which one is where"
_CLOSED = "the market takes such orders 09:00-15:30 on trading days"

_MEANINGS = {
    "EGW00201": Meaning(Kind.THROTTLED, "another program may be using the same key"),
    "EGW00215": Meaning(Kind.THROTTLED, "lower kis.account_per_second"),
    "EGW00133": Meaning(Kind.THROTTLED, "KIS issues one token a minute"),
    "EGW00121": Meaning(Kind.TOKEN),
    "EGW00122": Meaning(Kind.TOKEN),
    "EGW00123": Meaning(Kind.TOKEN),
    "EGW00001": Meaning(Kind.DOWN),
    "EGW00002": Meaning(Kind.DOWN),
    "EGW00202": Meaning(Kind.DOWN),
    "EGW00203": Meaning(Kind.DOWN),
    "EGW00300": Meaning(Kind.DOWN),
    "EGW00301": Meaning(Kind.UNSURE),
    "EGW00302": Meaning(Kind.UNSURE),
    "EGW00303": Meaning(Kind.UNSURE),
    "IGW00009": Meaning(Kind.UNSURE),
    "90020000": Meaning(Kind.DOWN, "the paper server (모의투자) is slow; try later"),
    "EGW00003": Meaning(Kind.REFUSED, "the key has no access to this service"),
    "EGW00004": Meaning(Kind.REFUSED, "the key has no access to this service"),
    "EGW00102": Meaning(Kind.REFUSED, _CHECK_KEY),
    "EGW00103": Meaning(Kind.REFUSED, _CHECK_KEY),
    "EGW00104": Meaning(Kind.REFUSED, _CHECK_KEY),
    "EGW00105": Meaning(Kind.REFUSED, _CHECK_KEY),
    "EGW00206": Meaning(Kind.REFUSED, "apply for this API on the KIS Developers portal"),
    "EGW00207": Meaning(Kind.REFUSED, "this machine's IP address is not registered with KIS"),
    "EGW00304": Meaning(Kind.REFUSED, _CHECK_KEY),
    "EGW02004": Meaning(Kind.REFUSED, f"a paper key was sent to the real server; {_PAPER_KEY}"),
    "EGW02007": Meaning(Kind.REFUSED, f"a real key was sent to the paper server; {_PAPER_KEY}"),
    "EGW02006": Meaning(Kind.NOT_ON_PAPER),
    "90000000": Meaning(Kind.NOT_ON_PAPER),
    "APBK1271": Meaning(Kind.REFUSED, _CHECK_PRODUCT),
    "APAC0489": Meaning(Kind.REFUSED, _CHECK_PRODUCT),
    "APAC0081": Meaning(Kind.REFUSED, _CHECK_ACCOUNT),
    "IGW00002": Meaning(Kind.REFUSED, _CHECK_ACCOUNT),
    "OPSQ2000": Meaning(Kind.REFUSED, _CHECK_ACCOUNT),
    "40910000": Meaning(Kind.REFUSED, "this paper account (모의계좌) cannot order; renew it"),
    "APBK0918": Meaning(Kind.REFUSED, _CLOSED),
    "APBK0919": Meaning(Kind.REFUSED, _CLOSED),
    "40100000": Meaning(Kind.REFUSED, _CLOSED),
    "40570000": Meaning(Kind.REFUSED, _CLOSED),
    "40580000": Meaning(Kind.REFUSED, _CLOSED),
    "APBK0952": Meaning(Kind.REFUSED, "market buys are checked at the upper limit price (상한가)"),
    "40250000": Meaning(Kind.REFUSED, "market buys are checked at the upper limit price (상한가)"),
    "APBK0400": Meaning(Kind.REFUSED, "look at the sellable quantity (주문가능수량)"),
    "40240000": Meaning(Kind.REFUSED, "look at the sellable quantity (주문가능수량)"),
    "40030000": Meaning(Kind.REFUSED, "round the price to a tick (호가단위)"),
    "APBK0656": Meaning(Kind.REFUSED, "check the ticker (종목코드)"),
    "MCA05918": Meaning(Kind.REFUSED, "check the ticker (종목코드)"),
}


def meaning(msg_cd: str, status: int) -> Meaning:
    """Return what an error answer asks for.

    An unlisted code is a refusal when it came as a business answer (HTTP 200). From the gateway
    (any other status) nobody knows how far the request had got.
    """
    known = _MEANINGS.get(msg_cd)
    if known is not None:
        return known
    return Meaning(Kind.REFUSED if status == 200 else Kind.UNSURE)
