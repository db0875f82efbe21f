"""Minute bars are made of what the stream brought only where it surely brought everything."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest

from kisbt.adapter.bars import BarSet, LiveBar
from kisbt.adapter.live_market import LiveMarketView
from kisbt.adapter.minute_source import HELD_BARS, PRICES, MinuteSource
from kisbt.domain.market import Instrument
from kisbt.errors import KISAPIError
from kisbt.kis.events import Disconnected, Heartbeat, Registered
from kisbt.kis.models.charts import MinuteBar
from kisbt.kis.models.quotes import QuickPrice
from kisbt.kis.records import Trade
from kisbt.kis.registrations import Registration
from kisbt.run.live_mind import Gate
from tests.adapter.fake_venue import DAY, A, B, VenueClock

CHART = LiveBar(50_000, 50_300, 49_900, 50_200, 900, 50_000)


class Venue:
    """What the source asks of the client: base prices, and charts of one full minute."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, time]] = []
        self.fails: set[str] = set()

    def intstock_multprice(self, tickers: Any) -> dict[str, QuickPrice]:
        told = QuickPrice.model_construct(base_price=50_000, lower_limit=35_000, upper_limit=65_000)
        return dict.fromkeys(tickers, told)

    def minute_bars(self, ticker: str, *, since: time, until: time) -> tuple[MinuteBar, ...]:
        self.asked.append((ticker, since))
        if ticker in self.fails:
            raise KISAPIError("no chart")
        return (
            MinuteBar.model_construct(
                day=DAY, minute=since, open=CHART.open, high=CHART.high, low=CHART.low,
                close=CHART.close, volume=CHART.volume,
            ),
        )  # fmt: skip


class Desk:
    """A source over two names, its stream up and registered."""

    def __init__(self, begins: time = time(8, 59)) -> None:
        self.clock = VenueClock(datetime.combine(DAY, begins))
        self.clock.lapse = lambda seconds: timedelta(seconds=seconds)  # type: ignore[attr-defined]
        self.venue, self.sets, self.said = Venue(), [], []
        self.source = MinuteSource(
            self.venue, (A, B), timedelta(minutes=1), self.clock, self.sets.append,
            lambda _day, _bands: None, lambda level, text: self.said.append((level, text)),
            self.clock.now(),
        )  # fmt: skip
        self.volumes = dict.fromkeys((A, B), 0)
        for ticker in (A, B):
            self.source.hear(Registered(Registration(PRICES, ticker)))
        self.source.step()

    def trade(self, ticker: str, at: time, price: int, volume: int = 10) -> None:
        self.clock.at = max(self.clock.at, datetime.combine(DAY, at))
        self.volumes[ticker] += volume
        fields = [""] * 47
        fields[33] = f"{DAY:%Y%m%d}"
        self.source.hear(
            Trade(PRICES, ticker, f"{at:%H%M%S}", price, volume, self.volumes[ticker], 0, 0, fields)
        )

    def at(self, moment: time) -> BarSet | None:
        """The newest set once the source has had its turn at a moment."""
        self.clock.at = datetime.combine(DAY, moment)
        before = len(self.sets)
        self.source.step()
        return self.sets[-1] if len(self.sets) > before else None


@pytest.fixture
def desk() -> Desk:
    return Desk()


def minute(desk: Desk, number: int) -> None:
    """Both names trade in a minute, and nothing more is heard."""
    desk.trade(A, time(9, number, 10), 50_000 + 100 * number)
    desk.trade(B, time(9, number, 20), 70_000 + 100 * number)


def test_a_stream_that_was_heard_of_after_the_bar_is_believed(desk: Desk) -> None:
    minute(desk, 0)
    desk.trade(B, time(9, 1, 0), 70_500)  # A is quiet: B tells that the line holds
    made = desk.at(time(9, 1, 1))
    assert made is not None
    assert made.bars[A] == LiveBar(50_000, 50_000, 50_000, 50_000, 10, 50_000)
    assert desk.venue.asked == []


def test_a_pingpong_tells_that_the_line_holds(desk: Desk) -> None:
    minute(desk, 0)
    desk.clock.at = datetime.combine(DAY, time(9, 1, 0))
    desk.source.hear(Heartbeat())
    made = desk.at(time(9, 1, 1))
    assert made is not None
    assert made.bars[B].close == 70_000
    assert desk.venue.asked == []


@pytest.mark.parametrize("noticed", [False, True])
def test_a_line_cut_in_the_middle_of_a_bar_makes_no_bar(desk: Desk, noticed: bool) -> None:
    """Whether the cut is noticed before the bar's end or after it: the chart is read."""
    minute(desk, 0)
    if noticed:
        desk.source.hear(Disconnected(desk.clock.now(), "cut"))
    made = desk.at(time(9, 1, 1))
    assert made is not None
    assert made.bars == {A: CHART, B: CHART}
    assert not made.ragged
    assert desk.venue.asked == [(A, time(9)), (B, time(9))]


def test_a_line_that_brought_nothing_at_all_says_nothing_of_no_trades(desk: Desk) -> None:
    made = desk.at(time(9, 1, 1))
    assert made is not None
    assert made.bars == {A: CHART, B: CHART}


def test_a_line_that_fell_silent_before_the_closing_auction_is_not_believed() -> None:
    desk = Desk(time(15, 29))
    desk.trade(A, time(15, 29, 30), 50_000)
    desk.trade(B, time(15, 30, 10), 70_000)  # A's auction may come up to half a minute late
    assert desk.at(time(15, 30, 59)) is None
    made = desk.at(time(15, 31, 0))
    assert made is not None
    assert [ticker for ticker, _ in desk.venue.asked] == [A]
    assert (made.bars[A], made.bars[B].close) == (CHART, 70_000)


def test_the_silence_of_the_closing_call_auction_asks_nobody() -> None:
    """Ten minutes in which no name trades would else be a request a name and minute."""
    desk = Desk(time(15, 19))
    assert desk.at(time(15, 20, 1)) is not None  # up to 15:20 names trade: silence is suspicious
    assert len(desk.venue.asked) == 2
    for minute_of in range(21, 30):
        assert desk.at(time(15, minute_of, 1)) is None
    assert len(desk.venue.asked) == 2
    assert desk.at(time(15, 31, 0)) is not None
    assert len(desk.venue.asked) == 4


def test_nobody_decides_on_a_bar_that_cannot_be_repaired(desk: Desk) -> None:
    """Ragged while it may be a passing trouble; then the name is left out, and a person told."""
    market = LiveMarketView({name: Instrument(ticker=name) for name in (A, B)}, frequency="1m")
    gate = Gate(market)
    desk.venue.fails = {A}
    for number in range(HELD_BARS + 1):
        minute(desk, number)
        made = desk.at(time(9, number + 1, 1))
        assert made is not None
        assert set(made.bars) == {B}
        market.take(made)
        assert made.ragged is (number < HELD_BARS)
        assert gate.open() is (number == HELD_BARS)
    assert [text[:25] for level, text in desk.said if level == "alert"] == [
        f"{A}: 09:0{number + 1} 봉을 복구하지 못함, 이 "[:25] for number in range(HELD_BARS + 1)
    ]
    desk.venue.fails.clear()
    minute(desk, HELD_BARS + 1)
    healed = desk.at(time(9, HELD_BARS + 2, 1))
    assert healed is not None
    assert (set(healed.bars), healed.ragged) == ({A, B}, False)
