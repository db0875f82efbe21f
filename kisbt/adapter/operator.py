"""Runs the operating graph at a bar's close on behalf of a strategy."""

from collections.abc import Callable
from typing import Any, Protocol

from kisbt.domain.state import Tick, TradingState


class _Market(Protocol):
    def now(self) -> Any: ...
    def session(self) -> Any: ...


class _Executor(Protocol):
    def begin(self, tick: int) -> None: ...


class Operator:
    """What a strategy holds of the operating graph: one call a decision bar.

    Args:
        run: Takes one tick through the six nodes (``run_tick`` or ``invoke_tick`` with its desk).
        market: Tells the bar's close and the session of the next orders.
        executor: Told which tick the next orders come from.
        ready: Whether the prompt's features are there yet; until then nothing is decided, and
            those bars are the warm-up that every statistic leaves out.
    """

    def __init__(
        self,
        run: Callable[[Tick], TradingState],
        market: _Market,
        executor: _Executor,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._run = run
        self._market = market
        self._executor = executor
        self._ready = ready
        self.ticks = 0
        self.holds = 0

    def decide(self) -> TradingState | None:
        """Run the graph once and return the finished state, or ``None`` while warming up.

        Orders are already sent when it returns.
        """
        if not self._ready():
            return None
        number = self.ticks
        self.ticks += 1
        self._executor.begin(number)
        state = self._run(Tick(number, self._market.now(), self._market.session()))
        if "failure" in state:
            self.holds += 1
        return state
