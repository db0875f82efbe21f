"""What a live session does besides bars: it obeys people. All of it on Cerebro's thread."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kisbt.adapter.kis_broker import KISBroker
from kisbt.domain.ports import Notifier
from kisbt.domain.trading import OpenOrder, Side
from kisbt.errors import TradingSystemError
from kisbt.journal.controls import Controls, Halt
from kisbt.run.live_safety import EVERY_SECONDS, HaltWatch

AGAIN_SECONDS = 2.0
"""Between two tries to cancel what a halt wants gone."""

_BUY = Side.BUY


class Steward:
    """Stands among Cerebro's stores, which are asked for news in every turn of its loop.

    So the duties run on the one thread that may touch orders and lines, bar or no bar.

    Args:
        duties: Called in order, every turn; each decides by itself whether it is time.
    """

    def __init__(self, duties: Iterable[Callable[[], None]]) -> None:
        self._duties = tuple(duties)

    def start(self) -> None:
        """Nothing to do: the session begins elsewhere."""

    def stop(self) -> None:
        """Nothing to do: the session ends elsewhere."""

    def get_notifications(self) -> tuple[()]:
        """Do the duties; there is never news for the strategy."""
        for duty in self._duties:
            duty()
        return ()


class Every:
    """Lets a duty run at most once in so many seconds."""

    def __init__(
        self,
        seconds: float,
        duty: Callable[..., None],
        ticking: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds, self._duty, self._ticking = seconds, duty, ticking
        self._last: float | None = None

    def __call__(self, *given: Any) -> None:
        """Run the duty if it is time."""
        now = self._ticking()
        if self._last is None or now - self._last >= self._seconds:
            self._last = now
            self._duty(*given)


class Obedience:
    """Meets halts: says them, and cancels or sells what they ask for, once each.

    Args:
        watch: Reads the halts.
        controls: Where it is noted that a halt's wish was carried out.
        broker: Whose orders these are.
        feeds: By ticker.
        notifier: Told what was done.
    """

    def __init__(
        self,
        watch: HaltWatch,
        controls: Controls,
        broker: KISBroker,
        feeds: Mapping[str, Any],
        notifier: Notifier,
    ) -> None:
        self._watch = watch
        self._controls = controls
        self._broker = broker
        self._feeds = feeds
        self._notifier = notifier
        self._known: dict[str, Halt] = {}
        self._done: set[str] = set()
        self._again = Every(AGAIN_SECONDS, self._call_back)
        self.duty = Every(EVERY_SECONDS, self.obey, watch.ticking)

    def obey(self) -> None:
        """Look at the halts now and do what is asked."""
        standing = {halt.halt_id: halt for halt in self._watch.refresh()}
        for halt_id in self._known.keys() - standing.keys():
            self._notifier.notify("warning", f"정지 해제: {self._known[halt_id].reason}")
        fresh = [halt for halt_id, halt in standing.items() if halt_id not in self._known]
        self._known = standing
        for halt in fresh:
            self._notifier.notify("alert", f"비상 정지: {halt.reason}")
        liquidating = any(halt.action == "liquidate" for halt in standing.values())
        self._broker.guard.liquidating = liquidating
        for halt in standing.values():
            if halt.action and halt.carried_out_at is None and halt.halt_id not in self._done:
                self._done.add(halt.halt_id)
                self._carry_out(halt)
            elif halt.action:
                self._again(halt)

    def _carry_out(self, halt: Halt) -> None:
        cancelled = cancel_all(self._broker)
        said = f"정지에 따라 미체결 {cancelled}건 취소"
        if halt.action == "liquidate":
            sold, left = self._sell_everything()
            said += f", {sold}종목 시장가 매도 주문"
            if left:
                said += f"; 팔지 못한 종목: {', '.join(left)}"
        self._controls.carried_out(halt.halt_id)
        self._notifier.notify("alert", said)

    def _call_back(self, halt: Halt) -> None:
        """A cancel may be lost, and a process may die before its cancels: nothing may rest."""
        left = [o for o in self._broker.open_orders() if halt.action == "cancel" or o.side is _BUY]
        if left and cancel_all(self._broker, left):
            self._notifier.notify("alert", "정지 중에 남아 있던 주문을 다시 취소")

    def _sell_everything(self) -> tuple[int, list[str]]:
        sold, left = 0, []
        for ticker, holding in sorted(self._broker.holdings().items()):
            feed = self._feeds.get(ticker)
            if holding.sellable < 1:
                continue
            if feed is None or not len(feed):
                left.append(f"{ticker} (시세 없음)")
                continue
            order = self._broker.place(Side.SELL, None, feed, holding.sellable)
            if order.alive():
                sold += 1
            else:
                left.append(f"{ticker} ({order.info.get('reason') or ''})")
        return sold, left


def cancel_all(broker: KISBroker, resting: Sequence[OpenOrder] | None = None) -> int:
    """Cancel what rests, everything by default; return how many orders are gone now.

    Every order is tried, even when the journal cannot be written any more.

    Raises:
        TradingSystemError: the first that was met on the way.
    """
    gone, met = 0, None
    for each in list(broker.open_orders() if resting is None else resting):
        order = broker.order_by_ref(each.ref)
        try:
            gone += order is not None and broker.cancel(order)
        except TradingSystemError as error:
            met = met or error
    if met is not None:
        raise met
    return gone
