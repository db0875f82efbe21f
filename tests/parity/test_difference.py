"""Parity can fail: whatever differs is found, and the earliest cause is named."""

from typing import Any

import pytest
from sqlalchemy import update

from kisbt.config import Settings
from kisbt.errors import ConfigError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.schema import fills
from kisbt.run import parity
from kisbt.run.live_command import LiveOutcome, trade
from tests.parity.conftest import Compare

DAYS = 10


def test_other_commission_is_found_as_the_first_cost(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dearer(order: Any, settings: Settings, **more: Any) -> LiveOutcome:
        costs = settings.costs.model_copy(update={"commission_rate": 0.01})
        return trade(order, settings.model_copy(update={"costs": costs}), **more)

    monkeypatch.setattr(parity, "trade", dearer)
    found = compare(DAYS, strategy="strategies/buy_and_hold.py")
    difference = found.difference
    assert difference is not None
    assert (difference.stream, difference.field) == ("costs", "commission")
    assert difference.live > 10 * difference.backtest
    assert "commission" in str(difference)


def test_shifted_fill_is_found_with_bar_and_price(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(order: Any, settings: Settings, **more: Any) -> LiveOutcome:
        outcome = trade(order, settings, **more)
        with DatabaseManager(settings.journal_url()) as db, db.writing(durable=False) as connection:
            connection.execute(
                update(fills)
                .where(fills.c.run_id == outcome.run_id, fills.c.number == 3)
                .values(price=fills.c.price + 1)
            )
        return outcome

    monkeypatch.setattr(parity, "trade", shifted)
    found = compare(DAYS, strategy="strategies/buy_and_hold.py")
    difference = found.difference
    assert difference is not None
    assert (difference.stream, difference.place, difference.field) == ("fills", 2, "price")
    assert difference.live == difference.backtest + 1
    assert sum(each.first is not None for each in found.streams) == 1


def test_more_days_than_there_are_is_one_clear_line(compare: Compare) -> None:
    with pytest.raises(ConfigError, match="735 sessions"):
        compare(5_000)
