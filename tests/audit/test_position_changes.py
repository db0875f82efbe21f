"""Splits and delistings of held positions, as the auditor books them."""

from datetime import date, datetime
from typing import Any

import pytest

from kisbt.domain.trading import Fill, PositionChange

from .world import BUY, MON, SELL, TUE, audit, rules, run

SPLIT = PositionChange(date(2024, 6, 11), "000010", "split", 5.0, 10, 50, 0)


def test_split_multiplies_the_position() -> None:
    bought = run((MON, "000010", BUY, 10, 10_000))
    sold = bought[0]._replace(
        ref="O2", number=2, at=TUE, session=TUE.date(), side=SELL, quantity=50, price=10_150,
        commission=507, tax=913, cash_after=bought[0].cash_after + 507_500 - 507 - 913,
        position_after=0,
    )  # fmt: skip
    assert audit([*bought, sold], changes=[SPLIT]) == []
    assert "position" in rules(audit([*bought, sold]))
    assert audit(bought, changes=[SPLIT]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"quantity_after": 51},
        {"quantity_before": 9},
        {"ratio": 4.0},
        {"cash": 2},
        {"cash": -1},
        {"ticker": "000020"},
        {"ticker": "999999"},
    ],
)
def test_change_that_does_not_add_up_is_caught(change: dict[str, Any]) -> None:
    bought = run((MON, "000010", BUY, 10, 10_000))
    found = audit(bought, changes=[SPLIT._replace(**change)])
    assert found
    assert {violation.fill_number for violation in found} == {0}


def test_fraction_of_a_split_share_is_paid_at_the_last_close() -> None:
    bought = run((MON, "000010", BUY, 13, 10_000))
    # 13 shares become 1.3; the 0.3 of a new share are worth 3 old ones of 10,100.
    change = PositionChange(date(2024, 6, 11), "000010", "split", 0.1, 13, 1, 30_300)
    assert audit(bought, changes=[change]) == []
    assert rules(audit(bought, changes=[change._replace(cash=30_302)])) == ["change"]


def test_delisting_pays_the_last_close_after_the_last_day() -> None:
    bought = run((MON, "000010", BUY, 10, 10_000))
    change = PositionChange(date(2024, 6, 21), "000010", "delisting", 1.0, 10, 0, 93_700)
    assert audit(bought, changes=[change]) == []
    assert rules(audit(bought, changes=[change._replace(cash=93_000)])) == ["change"]
    early = change._replace(session=date(2024, 6, 20))
    assert rules(audit(bought, changes=[early])) == ["change"]


def test_change_pays_into_cash() -> None:
    bought = run((MON, "000010", BUY, 10, 10_000))
    change = PositionChange(date(2024, 6, 21), "000010", "delisting", 1.0, 10, 0, 93_700)
    later = Fill("O2", 2, MON, MON.date(), "000020", BUY, 1, 2_005, 4, 0, 0, 1)
    later = later._replace(at=datetime(2024, 6, 21, 15, 30), session=date(2024, 6, 21))
    later = later._replace(cash_after=bought[0].cash_after + 93_700 - 2_009)
    assert rules(audit([*bought, later], changes=[change])) == ["bar"]
