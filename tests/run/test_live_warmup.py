"""A live session waits for the bars that its prompt needs, whatever number was asked for."""

from types import SimpleNamespace
from typing import Any

import pytest

from kisbt.run.live_mind import Mind

FEATURES = ("change_pct", "ma20_gap_pct", "days_since_listing")


class Market:
    """One name; ``bars`` traded bars were seen of it."""

    bars = 0
    odd = False

    def features(self) -> dict[str, dict[str, float | None]]:
        row: dict[str, float | None] = {
            "change_pct": None if self.bars < 2 or self.odd else 1.0,
            "ma20_gap_pct": None if self.bars < 20 else 1.0,
            "days_since_listing": None,
        }
        return {"005930": row}


def mind(market: Market, said: list[str], hopeless: frozenset[str] | None) -> Mind:
    told: Any = SimpleNamespace(notify=lambda _level, text: said.append(text))
    desk: Any = SimpleNamespace(market=market)
    version: Any = SimpleNamespace(features=FEATURES)
    return Mind(
        desk, version, make=lambda _version: None, current=None, idle=lambda: True,
        moved=lambda _version: None, notifier=told, bars=lambda: market.bars, hopeless=hopeless,
    )  # fmt: skip


@pytest.mark.parametrize("hopeless", [None, frozenset({"days_since_listing"})])
def test_short_history_is_waited_for_and_a_hopeless_feature_is_not(
    hopeless: frozenset[str] | None,
) -> None:
    market, said = Market(), []
    live = mind(market, said, hopeless)
    warm = []
    for market.bars in range(1, 23):
        warm.append(live.warm())
    assert warm.index(True) + 1 == 20  # the bar on which a backtest of the same tape begins
    assert said == [
        "판단 대기: 과거 봉이 1개뿐 (ma20_gap_pct에 20개 필요)",
        "판단 시작: 봉 20개를 봄",
    ]


def test_long_history_decides_at_once_and_says_nothing() -> None:
    market, said = Market(), []
    market.bars = 320
    assert mind(market, said, None).warm()
    assert said == []


@pytest.mark.parametrize(("hopeless", "begins"), [(None, True), (frozenset(FEATURES[2:]), False)])
def test_a_feature_that_is_known_to_come_is_waited_for_as_a_backtest_does(
    hopeless: frozenset[str] | None, begins: bool
) -> None:
    """Nobody trades in a bar, say: bars enough were counted, and a value is still to come."""
    market, said = Market(), []
    market.bars, market.odd = 40, True
    assert mind(market, said, hopeless).warm() is begins
