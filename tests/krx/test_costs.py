"""Commission and tax: every change of rate to the day, exemptions, and cutting to whole won."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.config import CostSettings
from kisbt.domain.market import Market, Product
from kisbt.krx.calendar import previous_session, settlement_date
from kisbt.krx.costs import TAX_PERIODS, CostModel, sell_tax_rate
from kisbt.krx.rates import exact_ratio

DEFAULT = CostModel.from_settings(CostSettings())

CHANGES = [
    # first trade under the new rate, KOSPI and KOSDAQ before and after, KONEX before and after
    (date(2019, 5, 30), 3_000, 2_500, 3_000, 1_000),
    (date(2020, 12, 29), 2_500, 2_300, 1_000, 1_000),
    (date(2022, 12, 28), 2_300, 2_000, 1_000, 1_000),
    (date(2023, 12, 27), 2_000, 1_800, 1_000, 1_000),
    (date(2024, 12, 27), 1_800, 1_500, 1_000, 1_000),
    (date(2025, 12, 29), 1_500, 2_000, 1_000, 1_000),
]


@pytest.mark.parametrize(("first", "before", "after", "konex_before", "konex_after"), CHANGES)
def test_rate_changes_with_the_first_trade_that_settles_under_it(
    first: date, before: int, after: int, konex_before: int, konex_after: int
) -> None:
    day_before = first - timedelta(days=1)
    for market in (Market.KOSPI, Market.KOSDAQ):
        assert sell_tax_rate(market, Product.STOCK, day_before) == before
        assert sell_tax_rate(market, Product.STOCK, first) == after
        assert sell_tax_rate(market, Product.STOCK, first + timedelta(days=1)) == after
    assert sell_tax_rate(Market.KONEX, Product.STOCK, day_before) == konex_before
    assert sell_tax_rate(Market.KONEX, Product.STOCK, first) == konex_after
    assert sell_tax_rate(Market.KONEX, Product.STOCK, first + timedelta(days=1)) == konex_after


@pytest.mark.parametrize("period", [p for p in TAX_PERIODS if p.first_trade > date.min])
def test_first_trade_of_a_period_is_the_first_that_settles_in_it(period: object) -> None:
    since, first_trade = period.since, period.first_trade  # type: ignore[attr-defined]
    assert settlement_date(first_trade) >= since
    assert settlement_date(previous_session(first_trade)) < since


def test_tax_periods_are_listed_newest_first() -> None:
    firsts = [period.first_trade for period in TAX_PERIODS]
    assert firsts == sorted(firsts, reverse=True)
    assert len(TAX_PERIODS) == len(CHANGES) + 1


@pytest.mark.parametrize("product", [Product.ETF, Product.ETN, Product.ELW])
def test_funds_and_warrants_are_exempt(product: Product) -> None:
    assert sell_tax_rate(Market.KOSPI, product, date(2018, 5, 2)) == 0
    assert DEFAULT.sell_tax(10_000_000, Market.KOSPI, product, date(2026, 5, 4)) == 0


def test_tax_is_cut_to_whole_won() -> None:
    day = date(2024, 5, 2)
    assert DEFAULT.sell_tax(1_000_000, Market.KOSPI, Product.STOCK, day) == 1_800
    assert DEFAULT.sell_tax(555, Market.KOSPI, Product.STOCK, day) == 0
    assert DEFAULT.sell_tax(556, Market.KOSPI, Product.STOCK, day) == 1
    assert DEFAULT.sell_tax(999_999, Market.KONEX, Product.STOCK, day) == 999


def test_commission_goes_by_product_and_is_cut_to_whole_won() -> None:
    assert DEFAULT.commission(100_000_000, Product.STOCK) == 14_052
    assert DEFAULT.commission(100_000_000, Product.ETF) == 14_652
    assert DEFAULT.commission(100_000_000, Product.ETN) == 14_652
    assert DEFAULT.commission(100_000_000, Product.ELW) == 14_652
    assert DEFAULT.commission(7_116, Product.STOCK) == 0
    assert DEFAULT.commission(7_117, Product.STOCK) == 1


def test_commission_takes_the_rate_as_the_decimal_it_prints_as() -> None:
    # In binary 0.00029 x 100,000 is 28.999999999999996.
    model = CostModel(0.00029, 0.00029, tax=False)
    assert model.commission(100_000, Product.STOCK) == 29


@pytest.mark.parametrize(
    ("rate", "ratio"),
    [(0.29, (29, 100)), (0.1, (1, 10)), (1, (1, 1)), (0.0, (0, 1)), (1e-7, (1, 10_000_000))],
)
def test_rate_is_its_printed_decimal(rate: float, ratio: tuple[int, int]) -> None:
    assert exact_ratio(rate) == ratio


def test_free_model_takes_nothing() -> None:
    free = CostModel.free()
    assert free == CostModel(0.0, 0.0, tax=False)
    assert free.commission(10**12, Product.STOCK) == 0
    assert free.commission(10**12, Product.ETF) == 0
    assert free.sell_tax(10**12, Market.KOSPI, Product.STOCK, date(2018, 1, 2)) == 0
    assert free.buy_total(1_000, 7, Product.STOCK) == 7_000


def test_settings_reach_the_model() -> None:
    settings = CostSettings(commission_rate=0.001, etf_commission_rate=0.002, tax=False)
    assert CostModel.from_settings(settings) == CostModel(0.001, 0.002, tax=False)


def test_buy_total_is_amount_and_commission() -> None:
    model = CostModel(0.001, 0.002, tax=True)
    assert model.buy_total(70_000, 3, Product.STOCK) == 210_210
    assert model.buy_total(70_000, 3, Product.ETF) == 210_420


@given(
    st.lists(st.tuples(st.integers(1, 1_000_000), st.integers(1, 10_000)), min_size=1),
    st.floats(0, 0.049),
)
def test_filled_in_parts_an_order_never_costs_more_than_reserved(
    parts: list[tuple[int, int]], rate: float
) -> None:
    model = CostModel(rate, rate, tax=True)
    highest = max(price for price, _ in parts)
    reserved = model.buy_total(highest, sum(q for _, q in parts), Product.STOCK)
    assert sum(model.buy_total(p, q, Product.STOCK) for p, q in parts) <= reserved


@given(st.integers(0, 10**12), st.dates(date(2000, 1, 1), date(2030, 1, 1)))
def test_costs_are_never_negative_and_never_above_their_rate(amount: int, day: date) -> None:
    tax = DEFAULT.sell_tax(amount, Market.KOSDAQ, Product.STOCK, day)
    assert 0 <= tax <= amount * 3_000 / 1_000_000
    assert 0 <= DEFAULT.commission(amount, Product.STOCK) <= amount * 0.000141
