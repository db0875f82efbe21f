"""Live bars of one name as backtrader lines."""

from datetime import date, datetime
from typing import Any, ClassVar, Protocol

import backtrader as bt

from kisbt.adapter.bars import LiveBar

_EPOCH = datetime(1970, 1, 1)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class BarSource(Protocol):
    """What a feed asks of its store."""

    @property
    def finished(self) -> bool:
        """Whether no bar will come any more."""
        ...

    def attach(self, feed: Any) -> None:
        """A feed wants the bars of its name."""
        ...

    def holds(self, ticker: str) -> bool:
        """Whether a bar of the name lies ready."""
        ...

    def next_bar(self, ticker: str) -> tuple[datetime, LiveBar] | None:
        """Take the bar that lies ready."""
        ...

    def idle(self, seconds: float) -> None:
        """Wait for news, so many wall seconds at most."""
        ...

    def state(self, ticker: str) -> int:
        """A state of ``bt.feed.DataBase``: ``DELAYED``, ``LIVE`` or ``CONNBROKEN``."""
        ...


class KISFeed(bt.feed.DataBase):
    """Live bars of one name. Times on the lines are naive KST; ``tz`` and sessions are not used.

    The strategy is told of states by ``notify_data``: ``DELAYED`` while bars are history,
    ``LIVE``, and ``CONNBROKEN`` while the stream is down or has fallen silent.

    Params:
        dataname: The ticker, e.g. ``"005930"``.
        qcheck: Longest wait between two looks at the store, wall seconds.
    """

    params: ClassVar[tuple[tuple[str, Any], ...]] = (("qcheck", 0.5),)
    p: Any

    def __init__(self, store: BarSource) -> None:
        super().__init__()
        self._kis = store

    @property
    def ticker(self) -> str:
        """The name's code."""
        return str(self.p.dataname)

    def setenvironment(self, env: Any) -> None:
        """Let Cerebro start, stop and ask the store."""
        super().setenvironment(env)
        env.addstore(self._kis)

    def start(self) -> None:
        """Ask for bars."""
        super().start()
        self._kis.attach(self)

    def islive(self) -> bool:
        """Bars come one by one."""
        return True

    def haslivedata(self) -> bool:
        """Whether a bar lies ready."""
        return self._kis.holds(self.ticker)

    def _load(self) -> bool | None:
        """One bar: true. None yet: ``None``, after a wait. False only once there is an end."""
        self.put_notification(self._kis.state(self.ticker))
        found = self._kis.next_bar(self.ticker)
        if found is None:
            if self._kis.finished:
                return False
            if self._qcheck > 0:
                self._kis.idle(self._qcheck)
            return None
        at, bar = found
        lines = self.lines
        lines.datetime[0] = line_number(at)
        lines.open[0], lines.high[0], lines.low[0] = bar.open, bar.high, bar.low
        lines.close[0], lines.volume[0], lines.openinterest[0] = bar.close, bar.volume, 0
        return True


def line_number(at: datetime) -> float:
    """A bar's float date in backtrader, to the last bit as a replay has it."""
    return (at - _EPOCH).total_seconds() / 86_400.0 + _EPOCH_ORDINAL
