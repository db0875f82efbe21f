"""M1's figures against quantstats, and against shares counted one by one."""

from collections import deque
from datetime import date, datetime, time, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kisbt.domain.trading import Fill, Side
from kisbt.journal.learning import Execution, Source
from kisbt.reflection_graph.breakdown import best_and_worst, breakdown, figures
from kisbt.reflection_graph.trips import Trips, make_trips, round_trip_cost

DAY = date(2024, 1, 2)
SOURCE = Source("run", "backtest", "run", "market", 1, "sha256:p", "rulebook")

steps = st.lists(
    st.tuples(
        st.sampled_from(["005930", "000660"]),
        st.integers(1, 40),  # shares asked for
        st.integers(1, 4),  # partial fills
        st.integers(9_000, 11_000),  # price: quantstats takes returns above 1 for prices
        st.booleans(),  # sell
    ),
    min_size=1,
    max_size=40,
)


def executions(
    orders: list[tuple[str, int, int, int, bool]], *, rates: tuple[float, float] = (0.0005, 0.0018)
) -> list[Execution]:
    """Orders as partial fills with costs; nobody sells what is not there."""
    held = dict.fromkeys(["005930", "000660"], 0)
    made: list[Execution] = []
    for number, (ticker, wanted, parts, price, sell) in enumerate(orders):
        wanted = min(wanted, held[ticker]) if sell else wanted
        sizes = [size for size in np.diff(np.linspace(0, wanted, parts + 1).astype(int)) if size]
        for size in map(int, sizes):
            side = Side.SELL if sell else Side.BUY
            held[ticker] += -size if sell else size
            day = DAY + timedelta(days=number)
            tax = int(size * price * rates[1]) if sell else 0
            fill = Fill(f"run:o{number}", len(made), datetime.combine(day, time(15, 30)), day,
                        ticker, side, size, price, int(size * price * rates[0]), tax, 0,
                        held[ticker])  # fmt: skip
            made.append(
                Execution(f"run-{len(made):06d}", "run", fill, None, 0.6, None, '["R0001"]', "",
                          f'{{"change_pct": {price % 17}, "market_mood": 30}}', 0.01, None)
            )  # fmt: skip
    return made


def trips_of(made: list[Execution]) -> Trips:
    return make_trips({"run": [(SOURCE, made)]}, {}, ("change_pct", "market_mood"))


def one_by_one(made: list[Execution]) -> dict[tuple[str, str], float]:
    """Result of every (buy order, sell order), each share with its exact part of the costs."""
    queues: dict[str, deque[tuple[str, float]]] = {}
    results: dict[tuple[str, str], float] = {}
    for one in made:
        fill = one.fill
        cost = (fill.commission + fill.tax) / fill.quantity
        queue = queues.setdefault(fill.ticker, deque())
        for _ in range(fill.quantity):
            if fill.side is Side.BUY:
                queue.append((fill.ref, fill.price + cost))
            else:
                ref, paid = queue.popleft()
                key = (ref, fill.ref)
                results[key] = results.get(key, 0.0) + fill.price - cost - paid
    return results


@settings(max_examples=50)
@given(steps)
def test_results_equal_shares_counted_one_by_one(
    orders: list[tuple[str, int, int, int, bool]],
) -> None:
    made = executions(orders)
    trips = trips_of(made)
    expected = one_by_one(made)
    assert len(trips) == len(expected)
    for i in range(len(trips)):
        key = tuple(
            next(e.fill.ref for e in made if e.trade_id == ids[0])
            for ids in (trips.entries[i], trips.exits[i])
        )
        assert trips.pnl[i] == pytest.approx(expected[key], abs=8)  # whole won, eight roundings
    assert int(trips.pnl.sum()) == figures(trips)["pnl"]


@settings(max_examples=25)
@given(steps)
def test_figures_equal_quantstats(orders: list[tuple[str, int, int, int, bool]]) -> None:
    import quantstats as qs

    trips = trips_of(executions(orders))
    assume(len(trips) > 1 and (trips.pnl != 0).all())
    index = pd.date_range("2024-01-02", periods=len(trips))
    returns = pd.Series(trips.result, index=index)
    ours = figures(trips)
    assert ours["win_rate"] == pytest.approx(qs.stats.win_rate(returns), abs=1e-9)
    assert ours["mean_return"] == pytest.approx(qs.stats.avg_return(returns), abs=1e-9)
    assert ours["worst_return"] == pytest.approx(qs.stats.worst(returns), abs=1e-9)
    assert ours["best_return"] == pytest.approx(qs.stats.best(returns), abs=1e-9)
    if ours["losers"]:
        won = pd.Series(trips.pnl / 1e9, index=index)
        assert ours["profit_factor"] == pytest.approx(qs.stats.profit_factor(won), rel=1e-9)


@settings(max_examples=25)
@given(steps)
def test_groups_share_out_all_trips(orders: list[tuple[str, int, int, int, bool]]) -> None:
    trips = trips_of(executions(orders))
    groups = breakdown(trips)
    for kind in ("name", "prompt", "mode"):
        assert sum(group["trips"] for group in groups[kind]) == len(trips)
        assert sum(group["pnl"] for group in groups[kind]) == int(trips.pnl.sum())


def test_a_hand_made_case_with_partial_fills_and_costs() -> None:
    # 30 bought at 1,000 in 3 fills; 20 sold at 1,100, then 10 at 900.
    made = executions(
        [("005930", 30, 3, 1_000, False), ("005930", 20, 2, 1_100, True),
         ("005930", 10, 1, 900, True)],
        rates=(0.001, 0.002),
    )  # fmt: skip
    trips = trips_of(made)
    assert trips.quantity.tolist() == [20, 10]
    assert trips.cost.tolist() == [20_020, 10_010]
    assert trips.pnl.tolist() == [22_000 - 22 - 44 - 20_020, 9_000 - 9 - 18 - 10_010]
    told = figures(trips)
    assert (told["winners"], told["losers"], told["win_rate"]) == (1, 1, 0.5)
    assert told["profit_factor"] == pytest.approx(1_914 / 1_037)
    assert told["mean_days"] == 1.5
    assert told["mean_7_days"] == pytest.approx(0.01)
    assert told["mean_30_days"] is None


def test_the_cost_of_a_round_trip_is_what_was_paid() -> None:
    made = executions(
        [("005930", 10, 1, 10_000, False), ("005930", 10, 1, 10_000, True)], rates=(0.001, 0.002)
    )
    assert round_trip_cost(made) == pytest.approx(0.004)
    assert round_trip_cost([]) == 0.0


def test_trips_of_a_period_are_those_closed_in_it_though_bought_before() -> None:
    made = executions([("005930", 10, 1, 1_000, False), ("005930", 5, 1, 1_000, True),
                       ("005930", 5, 1, 1_000, True)])  # fmt: skip
    trips = make_trips({"run": [(SOURCE, made)]}, {}, (), since="2024-01-04")
    assert trips.opened == ["2024-01-02"]
    assert trips.closed == ["2024-01-04"]


def test_a_live_account_is_one_book_over_its_sessions() -> None:
    bought, sold = executions([("005930", 10, 1, 1_000, False), ("005930", 10, 1, 1_100, True)])
    first, second = (SOURCE._replace(run_id=r, book="paper-50xx") for r in ("a", "b"))
    trips = make_trips({"paper-50xx": [(first, [bought]), (second, [sold])]}, {}, ())
    assert len(trips) == 1
    assert trips.run == ["a"]


def test_sale_of_what_a_book_held_before_its_first_run_is_no_trip() -> None:
    _, _, *made = executions(
        [("005930", 10, 1, 980, False), ("000660", 4, 1, 800, False),
         ("000660", 5, 1, 900, False), ("005930", 10, 1, 1_000, True), ("000660", 8, 1, 950, True)]
    )  # fmt: skip
    held = {"run": {"005930": (10, 980.0), "000660": (4, 800.0)}}
    trips = make_trips({"run": [(SOURCE, made)]}, {}, (), opening=held)
    assert (trips.ticker, trips.quantity.tolist()) == (["000660"], [4])  # four of five bought


def test_worst_trades_carry_justification_and_snapshot() -> None:
    made = executions(
        [("005930", 10, 1, 1_000, False), ("005930", 10, 1, 900, True),
         ("000660", 10, 1, 1_000, False), ("000660", 10, 1, 1_200, True)]
    )  # fmt: skip
    best, worst = best_and_worst(trips_of(made), 5)
    assert [trip["ticker"] for trip in best] == ["000660"]
    assert [trip["ticker"] for trip in worst] == ["005930"]
    assert worst[0]["snapshot"] == {"change_pct": 1_000 % 17, "market_mood": 30}
    assert worst[0]["trades"] == ["run-000000", "run-000001"]
    assert worst[0]["rules"] == ["R0001"]
