"""The auditor's own tables against printed facts, not against ``kisbt.krx``."""

import csv
from datetime import date
from pathlib import Path

import pytest

from kisbt.audit.price_rules import cut_down, cut_up, limits_around, steps_of, tax_fraction, tick_at
from kisbt.domain.market import Instrument, Market, Product

FACTS = Path(__file__).parents[1] / "facts" / "limit_prices.csv"


def name(
    market: Market = Market.KOSPI, product: Product = Product.STOCK, leverage: float = 1.0
) -> Instrument:
    return Instrument(ticker="000010", market=market, product=product, leverage=leverage)


def test_real_limit_closes_are_reproduced() -> None:
    rows = list(csv.DictReader(FACTS.read_text(encoding="utf-8").splitlines()))
    assert len(rows) >= 48
    for row in rows:
        share, day = name(Market(row["market"])), date.fromisoformat(row["date"])
        base, limit = int(row["base"]), int(row["limit_price"])
        ends = limits_around(base, share, day, first_day=row["note"] == "ipo_day")
        assert ends[row["side"] == "up"] == limit, row
        steps = steps_of(share, day)
        assert (tick_at(base, steps), tick_at(limit, steps)) == (
            int(row["tick_at_base"]),
            int(row["tick_at_limit"]),
        )


@pytest.mark.parametrize(
    ("settles", "share", "konex"),
    [
        (date(2019, 6, 2), 30, 30),
        (date(2019, 6, 3), 25, 10),
        (date(2020, 12, 31), 25, 10),
        (date(2021, 1, 4), 23, 10),
        (date(2022, 12, 30), 23, 10),
        (date(2023, 1, 2), 20, 10),
        (date(2024, 1, 2), 18, 10),
        (date(2025, 1, 2), 15, 10),
        (date(2026, 1, 2), 20, 10),
        (date(2027, 1, 4), 20, 10),
    ],
)
def test_tax_goes_by_settlement_day(settles: date, share: int, konex: int) -> None:
    for market, rate in ((Market.KOSPI, share), (Market.KOSDAQ, share), (Market.KONEX, konex)):
        assert tax_fraction(name(market), settles) == pytest.approx(rate / 10_000)
    for product in (Product.ETF, Product.ETN, Product.ELW):
        assert tax_fraction(name(product=product), settles) == 0


def test_rounding_goes_to_the_next_tick_and_leaves_ticks_alone() -> None:
    steps = steps_of(name(), date(2024, 1, 2))
    assert [cut_up(price, steps) for price in (1_999, 2_001, 2_005, 49_999)] == [
        1_999,
        2_005,
        2_005,
        50_000,
    ]
    assert [cut_down(price, steps) for price in (1_999, 2_004, 2_005, 20_049)] == [
        1_999,
        2_000,
        2_005,
        20_000,
    ]


def test_leveraged_fund_has_the_multiple_of_the_width() -> None:
    fund = name(product=Product.ETF, leverage=-2.0)
    assert limits_around(10_000, fund, date(2024, 1, 2), first_day=False) == (4_000, 16_000)
