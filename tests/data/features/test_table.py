from datetime import datetime

import numpy as np
import pytest

from kisbt.data.features import IncrementalFeatures, compute_features
from kisbt.data.features.catalogue import LIVE_ONLY
from kisbt.data.replay import moments
from kisbt.errors import DataError
from kisbt.krx.fills import MatchBar
from tests.data.worlds import make_world


def test_rows_hold_the_names_with_a_bar_and_none_for_no_value() -> None:
    dataset = make_world(4, names=4, bars=90, missing=0.3)
    table = compute_features(dataset)
    for t in range(len(table)):
        rows = table.rows(t)
        here = [name for name, yes in zip(table.tickers, table.current[t], strict=True) if yes]
        assert list(rows) == here
        for ticker, row in rows.items():
            values = table.values[t, table.tickers.index(ticker)]
            assert list(row) == table.names
            for value, got in zip(values, row.values(), strict=True):
                assert (got is None) == np.isnan(value)
                assert got is None or got == value


def test_rows_may_be_read_in_any_order_and_belong_to_the_caller() -> None:
    table = compute_features(make_world(4, bars=60))
    forward = [table.rows(t) for t in range(60)]
    for t in (59, 0, 17, 16, 15, 31, 32):
        rows = table.rows(t)
        assert rows == forward[t]
        next(iter(rows.values()))["change_pct"] = 1e9
        assert table.rows(t) == forward[t]


@pytest.mark.parametrize("t", [-1, 10])
def test_a_time_outside_the_table_is_an_index_error(t: int) -> None:
    with pytest.raises(IndexError, match=r"outside 0\.\.9"):
        compute_features(make_world(4, bars=10)).rows(t)


def test_live_only_values_pass_through_beside_the_others() -> None:
    dataset = make_world(4, names=2, bars=3, halts=0.0, missing=0.0)
    live = IncrementalFeatures(dataset.instruments)
    at = datetime(2024, 3, 4, 15, 30)
    bar = MatchBar(1000, 1010, 990, 1000, 10)
    rows = live.update(
        at, {"000010": bar, "000020": bar}, live={"000010": {"trade_strength": 120.0}}
    )
    assert rows["000010"]["trade_strength"] == 120.0
    assert rows["000010"]["bid_ask_ratio"] is None
    assert not {f.name for f in LIVE_ONLY} & set(rows["000020"])


def test_a_bar_of_an_unknown_name_is_refused() -> None:
    live = IncrementalFeatures(make_world(4, names=2).instruments)
    with pytest.raises(DataError, match=r"live bars: unknown ticker '999999'"):
        live.update(datetime(2024, 3, 4, 15, 30), {"999999": MatchBar(1, 1, 1, 1, 1)})


def test_warming_up_with_history_goes_on_where_history_ended() -> None:
    dataset = make_world(9, names=3, bars=80, bases=True)
    whole = compute_features(dataset)
    last_of_past = dataset.timeline[59].astype("datetime64[D]").astype(object)
    live = IncrementalFeatures.warmed(dataset.between(None, last_of_past))
    for t, moment in enumerate(moments(dataset)):
        if t >= 60:
            rows = live.update(moment.at, moment.bars, bases=moment.bases)
            assert rows == whole.rows(t)


def test_moments_give_every_bar_once_in_order() -> None:
    dataset = make_world(9, names=3, bars=40, bases=True)
    found = list(moments(dataset))
    assert [np.datetime64(m.at, "s") for m in found] == list(dataset.timeline)
    assert sum(len(m.bars) for m in found) == dataset.rows
    table = dataset.bars["000020"]
    mine = [(m.bars["000020"].close, m.bases.get("000020", 0)) for m in found if "000020" in m.bars]
    assert mine == list(zip(table.close.tolist(), table.base.tolist(), strict=True))
