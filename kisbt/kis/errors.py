"""What can go wrong between kisbt and KIS, sorted by what the caller may do about it.

    KISAPIError              KIS answered something that cannot be read; report it
    |-- Unreachable          no answer, and nothing was taken: safe to try again
    |-- Throttled            too many calls; nothing was taken; wait ``retry_after`` seconds
    |-- Refused              KIS said no; the same request will be refused again
    |-- OutcomeUnknown       an order went out, no answer came: read the day's orders
    `-- NotOnPaper           the paper server (모의투자) has no such call

An order has three outcomes: a receipt, ``OutcomeUnknown``, or any other class of this tree, all of
which promise that the exchange did not take it.
"""

from kisbt.errors import KISAPIError

__all__ = [
    "KISAPIError",
    "NotOnPaper",
    "OutcomeUnknown",
    "Refused",
    "Throttled",
    "Unreachable",
]


class Unreachable(KISAPIError):
    """KIS gave no usable answer, and the request had no effect: it may be sent again."""


class Throttled(KISAPIError):
    """KIS rejected the call for its rate, before looking at it.

    Args:
        retry_after: Seconds after which another try makes sense.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        tr_id: str | None = None,
        msg_cd: str | None = None,
        retry_after: float = 1.0,
    ) -> None:
        super().__init__(message, hint=hint, tr_id=tr_id, msg_cd=msg_cd)
        self.retry_after = retry_after


class Refused(KISAPIError):
    """KIS understood the request and said no."""


class OutcomeUnknown(KISAPIError):
    """The request may have been carried out: its answer is lost.

    KIS takes no client order id, so only the day's orders (``inquire_daily_ccld``) can tell.
    """


class NotOnPaper(KISAPIError):
    """The paper server (모의투자) does not serve this call, and nothing stands in for it."""
