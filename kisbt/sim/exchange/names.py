"""One name on one day: what has printed so far, what is planned, what is stopped."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from kisbt.domain.market import Instrument, PriceBand
from kisbt.krx.fills import MatchBar, TickRules
from kisbt.sim.exchange.path import Step

VI_STATIC_PERCENT = 10
VI_LENGTH = timedelta(minutes=2)


class Plan(NamedTuple):
    """A fill that will come: at the step with this index, at this price, that many shares."""

    step: int
    price: int
    quantity: int


@dataclass(slots=True)
class Interruption:
    """A VI or a halt (거래정지). ``kind``: 1 static VI, 2 dynamic VI, H halt; ``price`` in won."""

    kind: str
    start: datetime
    end: datetime
    price: int
    reference: int
    blocks: bool


@dataclass(slots=True)
class NameDay:
    """The tape of one name today. Won and shares; ``price`` is the base before the first print."""

    ticker: str
    instrument: Instrument
    day: date
    rules: TickRules
    band: PriceBand | None
    previous_close: int
    previous_volume: int
    bars: list[MatchBar]
    steps: list[Step]
    suspended: bool
    price: int
    done: int = 0
    open: int = 0
    high: int = 0
    low: int = 0
    open_at: datetime | None = None
    high_at: datetime | None = None
    low_at: datetime | None = None
    volume: int = 0
    value: int = 0
    buys: int = 0
    sells: int = 0
    bought: int = 0
    sold: int = 0
    vi_reference: int = 0
    bar: int = -1
    late_taken: int = 0
    taken: dict[int, int] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)
    stops: list[Interruption] = field(default_factory=list)

    @property
    def next_step(self) -> Step | None:
        """The next print, ``None`` when the day's prints are over."""
        return self.steps[self.done] if self.done < len(self.steps) else None

    @property
    def last_bought(self) -> bool:
        """Whether a buyer caused the last print."""
        return self.steps[self.done - 1].bought if self.done else True

    def stopped(self, at: datetime) -> bool:
        """Whether nothing may trade at ``at``: suspended all day, or an interruption."""
        return self.suspended or any(s.start <= at < s.end for s in self.stops)

    def blocked(self, at: datetime) -> bool:
        """Whether even the data's prints are held back: an injected halt or VI."""
        return any(s.blocks and s.start <= at < s.end for s in self.stops)

    def in_vi(self, at: datetime) -> bool:
        """Whether a VI call auction runs at ``at``."""
        return any(s.kind != "H" and s.start <= at < s.end for s in self.stops)

    def remaining_bar(self, first: int, opening: int | None = None) -> MatchBar | None:
        """What is left of the running bar from step ``first`` on, as one bar.

        ``opening`` is put in front as the price to be had now.
        """
        if first >= len(self.steps):
            return None
        number = self.steps[first].bar
        rest = [step for step in self.steps[first:] if step.bar == number]
        prices = [step.price for step in rest]
        if opening is not None:
            prices.insert(0, opening)
        volume = sum(step.volume for step in rest)
        return MatchBar(prices[0], max(prices), min(prices), prices[-1], volume)

    def print_step(self) -> Step | None:
        """Let the next step happen; ``None`` when an injected stop swallows it."""
        step = self.steps[self.done]
        self.done += 1
        if self.blocked(step.at):
            return None
        self.price = step.price
        if step.volume:
            self._count(step)
        self._watch(step)
        return step

    def lock(self, price: int, *, bought: bool) -> None:
        """Replace the rest of the day by prints at one price, with the volume that was to come."""
        rest = self.steps[self.done :]
        self.steps[self.done :] = [step._replace(price=price, bought=bought) for step in rest]
        for number in sorted({step.bar for step in rest}):
            bar = self.bars[number]
            if number == self.bar:
                bar = bar._replace(low=min(bar.low, price), high=max(bar.high, price), close=price)
            else:
                bar = MatchBar(price, price, price, price, bar.volume)
            self.bars[number] = bar

    def _count(self, step: Step) -> None:
        if not self.open:
            self.open, self.open_at = step.price, step.at
        if step.price > self.high:
            self.high, self.high_at = step.price, step.at
        if not self.low or step.price < self.low:
            self.low, self.low_at = step.price, step.at
        self.volume += step.volume
        self.value += step.volume * step.price
        if step.bought:
            self.buys, self.bought = self.buys + 1, self.bought + step.volume
        else:
            self.sells, self.sold = self.sells + 1, self.sold + step.volume

    def _watch(self, step: Step) -> None:
        """Static VI: ten percent away from the last auction's price. Status only, see Exchange."""
        if not self.vi_reference or self.done == 1:
            self.vi_reference = step.price
            return
        gap = abs(step.price - self.vi_reference) * 100
        first_day = self.instrument.listed == self.day
        if gap >= self.vi_reference * VI_STATIC_PERCENT and step.price >= 1_000 and not first_day:
            self.stops.append(
                Interruption(
                    "1", step.at, step.at + VI_LENGTH, step.price, self.vi_reference, blocks=False
                )
            )
            self.vi_reference = step.price
