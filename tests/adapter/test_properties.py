"""Under any stream of orders the books add up and every fill is legal."""

from typing import Any

import backtrader as bt
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.audit.legality import audit_fills
from kisbt.config import CostSettings
from kisbt.data.dataset import Dataset
from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument, Market
from kisbt.domain.trading import Side
from kisbt.krx.costs import CostModel
from tests.adapter.worlds import SESSIONS, Row, frame, run, world

NAMES = ("005930", "000660", "247540")
MARKETS = (Market.KOSPI, Market.KOSPI, Market.KOSDAQ)

ORDER = st.tuples(
    st.integers(0, len(NAMES) - 1),
    st.sampled_from(("buy", "sell", "cancel")),
    st.one_of(st.integers(-5, 3_000), st.floats(0, 500)),
    st.one_of(st.none(), st.floats(0.6, 1.4)),
)


@st.composite
def bars(draw: st.DrawFn) -> list[Row]:
    """Legal daily bars: on tick, inside the limits, sometimes halted or locked."""
    from kisbt.krx.limits import base_price, price_band
    from kisbt.krx.ticks import round_down

    close = draw(st.integers(800, 60_000))
    rows = []
    for session in SESSIONS.date:
        tick = round_down(close, Market.KOSPI, session)
        base = base_price(max(tick, 1), Market.KOSPI, session)
        band = price_band(base, Market.KOSPI, session)
        kind = draw(st.sampled_from(("open", "open", "open", "halt", "up", "down")))
        if kind == "halt":
            rows.append((base, base, base, base, 0))
            close = base
            continue
        if kind in ("up", "down"):
            price = band.upper if kind == "up" else band.lower
            rows.append((price, price, price, price, draw(st.integers(1, 10_000))))
            close = price
            continue
        prices = [
            round_down(draw(st.integers(band.lower, band.upper)), Market.KOSPI, session)
            for _ in range(4)
        ]
        prices = [max(price, band.lower) for price in prices]
        low, first, last, high = sorted(prices)
        if draw(st.booleans()):
            first, last = last, first
        rows.append((first, high, low, last, draw(st.integers(0, 1)) * draw(st.integers(1, 9_999))))
        if rows[-1][4] == 0:
            rows[-1] = (last, last, last, last, 0)
        close = last
    return rows


class Streams(bt.Strategy):
    """Sends whatever it was given, bar by bar."""

    orders: list[list[tuple[int, str, Any, float | None]]] = []

    def next(self) -> None:
        step = len(self) - 1
        for column, kind, size, factor in self.orders[step] if step < len(self.orders) else ():
            data = self.getdatabyname(NAMES[column])
            if kind == "cancel":
                for resting in list(self.broker.open_orders())[:1]:
                    self.cancel(self.broker.order_by_ref(resting.ref))
                continue
            send = self.buy if kind == "buy" else self.sell
            if factor is None:
                send(data=data, size=size)
            else:
                price = data.close[0] * factor
                send(data=data, size=size, exectype=bt.Order.Limit, price=price)


@settings(max_examples=60, deadline=None)
@given(
    tables=st.tuples(bars(), bars(), bars()),
    orders=st.lists(st.lists(ORDER, max_size=4), max_size=len(SESSIONS)),
    cash=st.integers(1, 20_000_000),
    participation=st.sampled_from((0.01, 0.1, 1.0)),
    taxed=st.booleans(),
)
def test_any_order_stream_leaves_legal_fills_and_books_that_add_up(
    tables: tuple[list[Row], ...],
    orders: list[list[tuple[int, str, Any, float | None]]],
    cash: int,
    participation: float,
    taxed: bool,
) -> None:
    dataset = market(tables)
    cls = type("Streams", (Streams,), {"orders": orders, "__module__": __name__})
    settings_ = CostSettings(tax=taxed)
    done = run(
        cls,
        dataset,
        cash=cash,
        participation=participation,
        costs=CostModel.from_settings(settings_),
    )
    held: dict[str, int] = {}
    spent, fills = cash, list(done.fills)
    for t, point in enumerate(done.equity):
        while fills and fills[0].at <= point.at:
            fill = fills.pop(0)
            sign = 1 if fill.side is Side.BUY else -1
            held[fill.ticker] = held.get(fill.ticker, 0) + sign * fill.quantity
            spent -= sign * fill.amount + fill.commission + fill.tax
            assert held[fill.ticker] >= 0
        worth = sum(int(dataset.bars[name].close[t]) * shares for name, shares in held.items())
        assert point.cash == spent >= 0
        assert point.equity == spent + worth
    violations = audit_fills(
        done.fills,
        dataset.bars,
        dataset.instruments,
        start_cash=cash,
        participation=participation,
        rates=(settings_.commission_rate, settings_.etf_commission_rate, taxed),
    )
    assert violations == []


def market(tables: tuple[list[Row], ...]) -> Dataset:
    instruments = [
        Instrument(ticker=name, market=division)
        for name, division in zip(NAMES, MARKETS, strict=True)
    ]
    frames = {name: frame(rows) for name, rows in zip(NAMES, tables, strict=True)}
    return world(frames, instruments=instruments)


@given(ratio=st.sampled_from((0.1, 0.5, 2.0, 5.0, 10.0)), shares=st.integers(1, 500))
@settings(max_examples=30, deadline=None)
def test_split_conserves_equity(ratio: float, shares: int) -> None:
    before, after = 10_000, round(10_000 / ratio)
    rows = [(before,) * 4 + (1_000_000,)] * 3 + [(after,) * 4 + (1_000_000,)] * 3

    class Buys(bt.Strategy):
        def next(self) -> None:
            if len(self) == 1:
                self.buy(size=shares)

    dataset = world(
        {NAMES[0]: frame(rows)},
        actions=[CorporateAction(ticker=NAMES[0], date=SESSIONS[3].date(), ratio=ratio)],
    )
    done = run(Buys, dataset, cash=100_000_000)
    assert done.equity[3].equity == done.equity[2].equity == 100_000_000
