"""How long each position has been held and how high it stood: state that a prompt's exits need."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from kisbt.domain.state import PositionStatus, Tick


class Held(NamedTuple):
    """Sessions since a position was first seen (1 = this one), and its highest close, in won."""

    sessions: int
    peak: int


class HoldingWatch:
    """Follows the positions of one run; starts over at tick 0.

    Observing the same tick twice changes nothing. What was proposed for buying in this session
    is remembered too, because a prompt limits new positions a day, not a tick.
    """

    def __init__(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._session: date | None = None
        self._count = 0
        self._seen: dict[str, tuple[int, int]] = {}
        self._proposed: dict[str, int] = {}

    def observe(self, tick: Tick, positions: Iterable[PositionStatus]) -> dict[str, Held]:
        """Take in one tick's positions and return what is known of each."""
        if tick.number == 0:
            self._restart()
        if tick.session != self._session:
            self._session = tick.session
            self._count += 1
            self._proposed = {}
        seen = {}
        for position in positions:
            first, peak = self._seen.get(position.ticker, (self._count, 0))
            seen[position.ticker] = (first, max(peak, position.last_price))
        self._seen = seen
        return {t: Held(self._count - first + 1, peak) for t, (first, peak) in seen.items()}

    def proposed_before(self, number: int) -> tuple[str, ...]:
        """Tickers proposed for buying at earlier ticks of this session, oldest first."""
        return tuple(ticker for ticker, at in self._proposed.items() if at < number)

    def propose(self, ticker: str, number: int) -> None:
        """Remember that the tick ``number`` proposed to buy ``ticker``."""
        self._proposed.setdefault(ticker, number)
