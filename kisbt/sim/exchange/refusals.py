"""Why the venue refuses an order, free of KIS's codes, which differ by environment."""

from enum import StrEnum


class Refusal(StrEnum):
    """A reason; ``rest.errors`` turns it into ``msg_cd`` and ``msg1``."""

    UNKNOWN_CODE = "unknown code"
    UNKNOWN_KIND = "unknown order type"
    UNKNOWN_VENUE = "venue not served"
    QUANTITY = "bad quantity"
    PRICE = "bad price"
    TICK = "off tick"
    BAND = "outside the price limits"
    CASH = "not enough cash"
    SHARES = "not enough shares"
    HOLIDAY = "no session today"
    BEFORE_OPEN = "before order entry"
    AFTER_CLOSE = "after the close"
    NOT_NOW = "order type not taken in this phase"
    HALTED = "halted"
    NOTHING_LEFT = "nothing left to modify or cancel"
    UNKNOWN_ORDER = "unknown order"


class RefusedError(Exception):
    """The venue does not take the order. Nothing changed."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason
