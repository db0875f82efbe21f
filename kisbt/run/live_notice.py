"""Tells people what happens in a live session: journal, logs, and whoever else listens."""

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime

from kisbt.domain.trading import Fill, OrderEvent, OrderState, PositionChange, Side
from kisbt.errors import JournalError
from kisbt.journal.controls import Controls
from kisbt.run.logs import TRADES

logger = logging.getLogger("kisbt.live")
trades = logging.getLogger(TRADES)

LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "alert": logging.ERROR}

Listener = Callable[[datetime, str, str], None]
"""Takes the venue's time, a level and one line."""

_BAD = (OrderState.REJECTED, OrderState.UNKNOWN)


class Announcer:
    """The ``Notifier`` of a session; safe to call when the journal cannot be written.

    ``info`` goes to the log and the listeners only; ``warning`` and ``alert`` are journaled.
    The same line is not journaled twice in a row.

    Args:
        controls: The journal.
        run_id: The run.
        clock: The venue's time.
        listeners: The view, a test ...
    """

    def __init__(
        self,
        controls: Controls,
        run_id: str,
        clock: Callable[[], datetime],
        listeners: tuple[Listener, ...] = (),
    ) -> None:
        self._controls = controls
        self._run_id = run_id
        self._clock = clock
        self._listeners = listeners
        self._last = ""
        self.recent: deque[tuple[datetime, str, str]] = deque(maxlen=20)

    def notify(self, level: str, message: str) -> None:
        """Tell everybody one line."""
        at, line = self._clock(), " ".join(message.split())
        self.recent.append((at, level, line))
        logger.log(LEVELS.get(level, logging.INFO), "%s", line, extra=_facts(at, level))
        for listener in self._listeners:
            listener(at, level, line)
        if level == "info" or line == self._last:
            return
        self._last = line
        try:
            self._controls.alert(self._run_id, level, line, at=at)
        except JournalError as error:
            logger.error("alert not journaled: %s", error.message)


class TradeLog:
    """An ``ExecutionListener`` that writes the log of trades and tells of what went wrong."""

    def __init__(self, notify: Callable[[str, str], None]) -> None:
        self._notify = notify

    def record_order(self, event: OrderEvent) -> None:
        """One change of an order."""
        facts = {
            "event": "order",
            "venue_time": event.at.isoformat(),
            "ref": event.ref,
            "ticker": event.ticker,
            "side": event.side.value,
            "quantity": event.quantity,
            "limit_price": event.limit_price,
            "state": event.state.value,
            "filled": event.filled,
            "tick": event.tick,
        }
        level = logging.WARNING if event.state in _BAD else logging.INFO
        text = f"{event.side} {event.ticker} {event.quantity:,} {event.state}"
        trades.log(level, "%s", f"{text} {event.reason}".strip(), extra={"facts": facts})
        if event.state in _BAD:
            what = "거부" if event.state is OrderState.REJECTED else "결과 불명 (조회로 확인 중)"
            side = "매수" if event.side is Side.BUY else "매도"
            self._notify(
                "warning", f"{event.ticker} {side} {event.quantity:,}주 {what}: {event.reason}"
            )

    def record_fill(self, fill: Fill) -> None:
        """One execution."""
        facts = {
            "event": "fill",
            "venue_time": fill.at.isoformat(),
            "ref": fill.ref,
            "ticker": fill.ticker,
            "side": fill.side.value,
            "quantity": fill.quantity,
            "price": fill.price,
            "commission": fill.commission,
            "tax": fill.tax,
            "cash_after": fill.cash_after,
            "position_after": fill.position_after,
        }
        text = f"{fill.side} {fill.ticker} {fill.quantity:,} @ {fill.price:,}"
        trades.info("%s", text, extra={"facts": facts})
        side = "매수" if fill.side is Side.BUY else "매도"
        self._notify("info", f"체결 {fill.ticker} {side} {fill.quantity:,}주 @ {fill.price:,}원")

    def record_change(self, change: PositionChange) -> None:
        """A split or a delisting."""
        facts = {"event": "change", **change._asdict()}
        trades.warning("%s %s", change.ticker, change.kind, extra={"facts": facts})
        self._notify("warning", f"{change.ticker} {change.kind}: {change.quantity_after:,}주")


def _facts(at: datetime, level: str) -> dict[str, dict[str, str]]:
    return {"facts": {"venue_time": at.isoformat(), "alert": level}}
