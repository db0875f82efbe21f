"""A day's bars where KIS does not answer for one of the names."""

from datetime import date, datetime, time, timedelta
from types import SimpleNamespace

import pytest

from kisbt.adapter.bars import BarSet
from kisbt.adapter.day_source import AGAIN, HELD_DAYS, MOST_TRIES, PATIENCE, TRIES, DaySource
from kisbt.errors import KISAPIError
from kisbt.kis.errors import NotOnPaper
from tests.adapter.fake_venue import DAY, A, B, VenueClock

CLOSE = datetime.combine(DAY, time(15, 30))


class Paper:
    """Charts alone; those of ``dead`` names do not come until ``heals``."""

    def __init__(self, clock: "Clock", dead: str, heals: datetime) -> None:
        self.clock, self.dead, self.heals = clock, dead, heals

    def intstock_multprice(self, _tickers: object) -> dict[str, object]:
        raise NotOnPaper("real only")

    def inquire_daily_itemchartprice(
        self, ticker: str, first: date, _last: date, *, adjusted: bool
    ) -> list[SimpleNamespace]:
        if ticker == self.dead and self.clock.at < self.heals:
            raise KISAPIError("no answer")
        return [SimpleNamespace(day=first)]


class Clock(VenueClock):
    """As fast as the wall's."""

    def lapse(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds)


class Watch:
    """A source over the clock, driven until it says that nothing is due this day."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, heals: datetime, last: date = DAY) -> None:
        self.clock = Clock(CLOSE + timedelta(minutes=1))
        self.sets: list[tuple[datetime, BarSet]] = []
        self.said: list[tuple[str, str]] = []
        monkeypatch.setattr("kisbt.adapter.day_source.of_day", lambda row: row)
        client = Paper(self.clock, B, heals)
        source = DaySource(
            client, (B, A), self.clock,
            lambda bars: self.sets.append((self.clock.at, bars)),
            lambda level, text: self.said.append((level, text)),
            CLOSE - timedelta(hours=2),
        )  # fmt: skip
        while (due := source.step()).date() <= last:
            self.clock.at = due


def test_a_name_that_comes_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    heals = CLOSE + timedelta(minutes=40)
    watch = Watch(monkeypatch, heals)
    ((at, bars),) = watch.sets
    assert heals <= at < heals + PATIENCE
    assert list(bars.bars) == [B, A]
    assert not bars.ragged
    assert [level for level, _ in watch.said] == ["warning"]


def test_a_day_without_one_of_its_names_is_not_decided_on(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(monkeypatch, CLOSE + timedelta(days=1))
    ((at, bars),) = watch.sets
    quick = TRIES * timedelta(seconds=AGAIN)
    assert at - CLOSE <= quick + (MOST_TRIES - TRIES) * PATIENCE + timedelta(minutes=1)
    assert list(bars.bars) == [A]
    assert bars.ragged
    assert [level for level, _ in watch.said] == ["warning", "alert"]
    assert "판단하지 않음" in watch.said[-1][1]


def test_a_name_that_is_never_told_does_not_stop_the_others_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never = CLOSE + timedelta(days=99)
    watch = Watch(monkeypatch, never, last=DAY + timedelta(days=HELD_DAYS))
    assert [bars.ragged for _, bars in watch.sets] == [True] * HELD_DAYS + [False]
    assert "빼고 판단" in watch.said[-1][1]
