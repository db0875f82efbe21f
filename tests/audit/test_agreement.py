"""Two implementations from the same rules: auditor and market rules agree wherever both speak."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.audit import price_rules
from kisbt.audit.legality import audit_fills
from kisbt.audit.trading_days import trading_days
from kisbt.config import CostSettings
from kisbt.domain.market import Instrument, Market, Product
from kisbt.domain.trading import Fill, Side
from kisbt.krx import calendar
from kisbt.krx.costs import CostModel, sell_tax_rate
from kisbt.krx.fills import MatchBar, TickRules, cap_quantity, match
from kisbt.krx.limits import base_price, price_band
from kisbt.krx.settlement import CashLedger
from kisbt.krx.ticks import round_down, round_up, tick_size

EDGES = [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000]
CHANGES = ["2015-06-15", "2019-06-03", "2021-01-04", "2023-01-25", "2023-06-26", "2023-12-11"]
CHANGES += ["2023-12-27", "2024-12-27", "2025-12-29"]

prices = st.integers(1, 2_000_000) | st.builds(
    lambda edge, off: edge + off, st.sampled_from(EDGES), st.integers(-2, 2)
)
days = st.dates(date(2011, 1, 1), date(2030, 12, 31)) | st.builds(
    lambda day, off: date.fromisoformat(day) + timedelta(days=off),
    st.sampled_from(CHANGES),
    st.integers(-3, 3),
)
names = st.builds(
    Instrument,
    ticker=st.just("000010"),
    market=st.sampled_from(list(Market)),
    product=st.sampled_from(list(Product)),
    leverage=st.sampled_from([1.0, -1.0, 2.0, -2.0, 0.5, 1.5]),
)


@given(prices, names, days)
def test_ticks_and_rounding_agree(price: int, name: Instrument, day: date) -> None:
    steps = price_rules.steps_of(name, day)
    rules = (name.market, day, name.product)
    assert price_rules.tick_at(price, steps) == tick_size(price, *rules)
    assert price_rules.cut_up(price, steps) == round_up(price, *rules)
    down = price_rules.cut_down(price, steps)
    assert down == round_down(price, *rules) or (down, price < steps[1][0]) == (0, True)


@given(prices, names, days, st.booleans())
@settings(max_examples=400)
def test_limits_agree(price: int, name: Instrument, day: date, first_day: bool) -> None:
    rules = (name.market, day, name.product)
    base = base_price(price, *rules)
    band = price_band(base, *rules, name.leverage, first_day=first_day)
    own = price_rules.limits_around(base, name, day, first_day=first_day)
    assert own == (band.lower, band.upper)


@given(names, days)
@settings(deadline=None)
def test_taxes_agree_on_every_session(name: Instrument, day: date) -> None:
    traded = calendar.next_session(day)
    settles = trading_days().settlement(traded)
    rate = sell_tax_rate(name.market, name.product, traded)
    assert round(price_rules.tax_fraction(name, settles) * 1_000_000) == rate


def test_sessions_hours_and_settlement_agree_on_every_day() -> None:
    day = date(1990, 1, 1)
    while day <= date(2049, 12, 1):
        session = calendar.is_session(day)
        assert trading_days().hours(day) == (calendar.session_hours(day) if session else None)
        assert trading_days().settlement(day) == calendar.settlement_date(day)
        day += timedelta(days=1)


@dataclass(frozen=True)
class Table:
    """Bars as the data package keeps them."""

    times: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    base: Any


@st.composite
def markets_with_bars(draw: st.DrawFn) -> tuple[Instrument, list[date], list[MatchBar]]:
    """One name over some sessions; bars inside their limits, with locks and halts."""
    name = draw(names)
    start = calendar.next_session(draw(days))
    on = [start, *(calendar.add_sessions(start, n) for n in range(1, draw(st.integers(2, 8))))]
    close, bars = draw(st.integers(50, 800_000)), []
    for day in on:
        rules = (name.market, day, name.product)
        band = price_band(base_price(close, *rules), *rules, name.leverage)
        inside = st.one_of(
            st.integers(band.lower, band.upper), st.sampled_from([band.lower, band.upper])
        )
        four = sorted(round_down(draw(inside), *rules) for _ in range(4))
        kind = draw(st.sampled_from(["plain", "plain", "lock", "halt"]))
        if kind != "plain":
            four = [draw(st.sampled_from([four[1], band.lower, band.upper]))] * 4
        if kind == "halt":
            four = [close] * 4
        bars.append(
            MatchBar(four[1], four[3], four[0], four[2], 0 if kind == "halt" else draw(volumes))
        )
        close = four[2]
    return name, on, bars


volumes = st.integers(1, 5_000)
orders = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from([Side.BUY, Side.SELL]),
        st.integers(1, 900),
        st.none() | st.integers(-400, 400),
    ),
    max_size=12,
)


def trade(
    name: Instrument, on: list[date], bars: list[MatchBar], wishes: list[Any], cash: int
) -> list[Fill]:
    """Send the wishes through the fill model and the ledger as a broker would."""
    costs = CostModel.from_settings(CostSettings())
    ledger, held, fills = CashLedger(cash), 0, []
    for n, (day, bar) in enumerate(zip(on, bars, strict=True)):
        if n == 0:
            continue
        rules = TickRules(name.market, day, name.product)
        band = price_band(base_price(bars[n - 1].close, *rules), *rules, name.leverage)
        free = cap_quantity(bar.volume, 0.1)
        for _, side, quantity, off in (wish for wish in wishes if wish[0] == n):
            limit = None if off is None else bar.open + off
            wanted = quantity if side is Side.BUY else min(quantity, held)
            got = match(side, limit, wanted, bar, band, rules, available=free)
            if got is None:
                continue
            amount = got.price * got.quantity
            commission, tax = costs.commission(amount, name.product), 0
            if side is Side.BUY:
                if amount + commission > ledger.cash:
                    continue
                ledger.buy(day, amount, commission)
                held += got.quantity
            else:
                tax = costs.sell_tax(amount, name.market, name.product, day)
                ledger.sell(day, amount, commission + tax)
                held -= got.quantity
            free -= got.quantity
            at = calendar.session_hours(day).close
            fills.append(
                Fill(f"O{len(fills)}", len(fills) + 1, at, day, name.ticker, side, got.quantity,
                     got.price, commission, tax, ledger.cash, held)
            )  # fmt: skip
    return fills


@given(markets_with_bars(), orders, st.integers(0, 30_000_000), st.data())
@settings(deadline=None, max_examples=200)
def test_what_the_fill_model_gives_is_legal_and_any_change_to_it_is_not(
    market: tuple[Instrument, list[date], list[MatchBar]],
    wishes: list[Any],
    cash: int,
    data: st.DataObject,
) -> None:
    name, on, bars = market
    fills = trade(name, on, bars, wishes, cash)
    closes = [calendar.session_hours(day).close for day in on]
    columns = np.array([[*bar, 0] for bar in bars], dtype=np.int64).T
    table = Table(np.array(closes, dtype="datetime64[s]"), *columns)
    settings_ = CostSettings()
    terms: dict[str, Any] = {
        "start_cash": cash,
        "participation": 0.1,
        "rates": (settings_.commission_rate, settings_.etf_commission_rate, True),
    }
    bars_of, names_of = {name.ticker: table}, {name.ticker: name}
    assert audit_fills(fills, bars_of, names_of, **terms) == []
    if not fills:
        return
    at = data.draw(st.integers(0, len(fills) - 1))
    changed = data.draw(st.sampled_from(ONE_CHANGE))(fills[at])
    mutated = [*fills[:at], changed, *fills[at + 1 :]]
    assert audit_fills(mutated, bars_of, names_of, **terms) != []


def _other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


ONE_CHANGE = [
    lambda fill: fill._replace(ref=""),
    lambda fill: fill._replace(at=fill.at - timedelta(seconds=1)),
    lambda fill: fill._replace(at=datetime(2000, 1, 4, 15, 0)),
    lambda fill: fill._replace(session=fill.session - timedelta(days=1)),
    lambda fill: fill._replace(ticker="000020"),
    lambda fill: fill._replace(side=_other(fill.side)),
    lambda fill: fill._replace(quantity=fill.quantity + 1),
    lambda fill: fill._replace(quantity=fill.quantity - 1),
    lambda fill: fill._replace(price=fill.price + 1),
    lambda fill: fill._replace(price=fill.price - 1),
    lambda fill: fill._replace(commission=fill.commission + 1),
    lambda fill: fill._replace(commission=fill.commission - 1),
    lambda fill: fill._replace(tax=fill.tax + 1),
    lambda fill: fill._replace(tax=fill.tax - 1),
    lambda fill: fill._replace(cash_after=fill.cash_after + 1),
    lambda fill: fill._replace(position_after=fill.position_after - 1),
]
