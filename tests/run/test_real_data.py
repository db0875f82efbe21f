"""The whole path over 40 real names, 2019-2025, with costs: no rule of the market is broken."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from kisbt.config import load_settings
from kisbt.domain.trading import OrderState, Side
from kisbt.krx.limits import base_price, price_band
from kisbt.krx.ticks import is_on_tick
from kisbt.run.backtest import run_backtest
from kisbt.run.prepare import prepare
from kisbt.run.spec import RunSpec
from tests.run.conftest import Said

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.slow,
    pytest.mark.skipif(
        "KISBT_REAL_DATA" not in os.environ,
        reason="KISBT_REAL_DATA names no folder of real KRX prices",
    ),
]


@pytest.mark.parametrize(
    ("strategy", "prompt"),
    [
        ("strategies/llm_trader.py", 1),
        ("strategies/llm_trader.py", 2),
        ("strategies/momentum.py", None),
    ],
)
def test_forty_real_names_are_traded_without_breaking_a_rule(
    project: Path, kisbt: Callable[..., Said], strategy: str, prompt: int | None
) -> None:
    daily = Path(os.environ["KISBT_REAL_DATA"]) / "daily"
    assert kisbt("data", "import", str(daily), "--name", "real40").code == 0
    settings = load_settings()
    spec = RunSpec(
        strategy=strategy,
        data="real40",
        first=date(2019, 1, 2),
        last=date(2025, 12, 30),
        prompt=prompt,
        cash=100_000_000,
    )
    ready = prepare(spec, settings)
    result = run_backtest(ready, settings)
    assert len(ready.tape.tickers) == 40
    assert len(result.fills) > 300
    assert result.commission > 0
    assert result.tax > 0
    assert result.violations == []

    bars, instruments = ready.dataset.bars, ready.dataset.instruments
    rows = {
        name: {at: n for n, at in enumerate(table.times.tolist())} for name, table in bars.items()
    }
    for event in result.events:
        if event.limit_price is None or event.state is OrderState.REJECTED:
            continue
        name, session = instruments[event.ticker], event.at.date()
        assert is_on_tick(event.limit_price, name.market, session, name.product)
    for fill in result.fills:
        table, row = bars[fill.ticker], rows[fill.ticker][fill.at]
        assert table.volume[row] > 0
        assert table.low[row] <= fill.price <= table.high[row]
        assert fill.quantity <= 0.1 * table.volume[row]
        name = instruments[fill.ticker]
        assert is_on_tick(fill.price, name.market, fill.session, name.product)
        if row:
            base = base_price(int(table.close[row - 1]), name.market, fill.session, name.product)
            band = price_band(base, name.market, fill.session, name.product)
            assert band.holds(fill.price)
            if fill.side is Side.BUY:
                assert table.low[row] < band.upper
            else:
                assert table.high[row] > band.lower

    cash, held, fills = spec.cash, dict.fromkeys(bars, 0), list(result.fills)
    closes = dict.fromkeys(bars, 0)
    for t, point in enumerate(result.equity):
        for name, table in bars.items():
            row = rows[name].get(point.at)
            if row is not None:
                closes[name] = int(table.close[row])
        while fills and fills[0].at == point.at:
            fill = fills.pop(0)
            sign = 1 if fill.side is Side.BUY else -1
            held[fill.ticker] += sign * fill.quantity
            cash -= sign * fill.amount + fill.commission + fill.tax
        assert point.cash == cash >= 0, t
        assert point.equity == cash + sum(closes[name] * held[name] for name in held), t
    assert not fills
