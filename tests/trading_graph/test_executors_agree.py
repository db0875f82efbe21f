"""``graph.invoke`` and ``run_tick`` end in the same state and the same records, errors included."""

import copy
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.domain.rules import Category, Condition, Effect, EffectKind, Rule
from kisbt.domain.state import Tick
from kisbt.domain.trading import Action, Decision, OpenOrder, Side
from kisbt.errors import DataError, DeciderError, JournalError
from kisbt.trading_graph.direct import run_tick
from kisbt.trading_graph.graph import invoke_tick
from tests.risk.absurd import SEEDS, TICKERS, some_limits, some_price, some_sober_decisions
from tests.trading_graph.floor import DAY, TICK, Faults, Floor, held

PORT_CALLS = {
    "cash": 1, "equity": 1, "holdings": 1, "closes": 2, "features": 1, "decide": 1, "quote": 4,
    "open_orders": 2, "submit": 4, "cancel": 2, "record_tick": 1, "notify": 1,
}  # fmt: skip
"""Every port call that a node makes, and at how many of its turns it is made to fail."""

ERRORS = (
    DataError("시세 없음", hint="데이터를 확인하세요"),
    DeciderError("no plan"),
    JournalError("disk full"),
    ValueError("두 줄짜리\n  오류"),
    KeyError("005930"),
    ZeroDivisionError(),
    RuntimeError("x" * 2_000),
)

RULES = tuple(
    Rule(
        id=f"R{number:04d}",
        category=Category.RISK,
        priority=1,
        when=(Condition(feature="change_pct", op="<", value=-4.0 - number),),
        then=effect,
        because="시험",
    )
    for number, effect in enumerate(
        (
            Effect(kind=EffectKind.BLOCK_BUY),
            Effect(kind=EffectKind.SCALE_SIZE, value=0.5),
            Effect(kind=EffectKind.CAP_WEIGHT, value=0.05),
            Effect(kind=EffectKind.FORCE_EXIT),
            Effect(kind=EffectKind.REQUIRE_APPROVAL),
        )
    )
)


def some_floor(dice: random.Random, faults: Faults) -> Floor:
    holdings, orders = {}, []
    for ticker in dice.sample(TICKERS, dice.choice([0, 0, 1, 3])):
        quantity = dice.randint(1, 300)
        sellable = dice.choice([quantity, dice.randint(0, quantity)])
        holdings[ticker] = held(quantity, sellable, dice.choice([0.0, 61_234.5]))
        if sellable < quantity:
            orders.append((ticker, Side.SELL, quantity - sellable))
    for ticker in dice.sample(TICKERS, dice.choice([0, 0, 2])):
        orders.append((ticker, Side.BUY, dice.randint(1, 50)))
    resting = [
        OpenOrder(f"O{n}", ticker, side, size, some_price(dice, ticker))
        for n, (ticker, side, size) in enumerate(orders)
    ]
    script = some_sober_decisions(dice, (Action.BUY, Action.SELL, Action.HOLD))
    if dice.random() < 0.3:
        script.append(Decision(ticker="?", action=Action.BUY, target_weight=float("inf")))
    return Floor(
        money=int(10 ** dice.uniform(5, 9)),
        held=holdings,
        resting=resting,
        rows={
            ticker: {
                "change_pct": dice.choice([None, dice.uniform(-10, 10)]),
                "volume_ratio": dice.choice([None, dice.uniform(0, 6)]),
                "market_mood": dice.choice([None, 55.0]),
            }
            for ticker in dice.sample(TICKERS, dice.randint(0, len(TICKERS)))
        },
        script=dice.choice([script, []]),
        refused=dice.sample(TICKERS, dice.choice([0, 1])),
        gone=[order.ref for order in resting if dice.random() < 0.3],
        faults=faults,
    )


def played(runner, seed: int, faults: Faults):
    """Play three ticks; return all that can be seen of them from outside."""
    dice = random.Random(seed)
    floor = some_floor(dice, faults)
    desk = floor.desk(
        limits=some_limits(dice),
        rules=RULES[: dice.randint(0, len(RULES))],
        halted=lambda: seed % 17 == 0,
    )
    seen = []
    for number in range(3):
        desk.losses.observe(DAY, floor.money - dice.choice([0, floor.money // 20]))
        tick = Tick(number, TICK.at, TICK.session)
        try:
            seen.append(runner(tick, desk))
        except JournalError as error:
            seen.append((type(error), str(error), repr(error.__cause__)))
    totals = desk.day.totals(TICK.session)
    return seen, floor.ticks, floor.sent, floor.cancelled, floor.told, floor.asked, totals


faults = st.dictionaries(
    st.sampled_from(sorted(PORT_CALLS)),
    st.tuples(st.integers(1, 6), st.sampled_from(ERRORS)),
    max_size=3,
)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, SEEDS), faults)
def test_both_executors_show_the_same_states_records_and_errors(seed: int, at: dict):
    direct = played(run_tick, seed, Faults(copy.deepcopy(at)))
    assert direct == played(invoke_tick, seed, Faults(copy.deepcopy(at)))


def busy(faults: Faults) -> Floor:
    """Two exits with two cancellations and two buys: every port is called as often as it can be."""
    return Floor(
        held={"005930": held(10), "000660": held(10, 4)},
        resting=[
            OpenOrder("O1", "005930", Side.BUY, 3, 60_000),
            OpenOrder("O2", "000660", Side.SELL, 6, 190_000),
        ],
        script=[
            Decision(ticker="035420", action=Action.BUY, quantity=1),
            Decision(ticker="005930", action=Action.SELL),
            Decision(ticker="000660", action=Action.SELL),
            Decision(ticker="069500", action=Action.BUY, quantity=2),
        ],
        faults=faults,
    )


@pytest.mark.parametrize("error", [ValueError("세상에"), JournalError("disk full")])
@pytest.mark.parametrize(
    ("call", "turn"), [(call, turn) for call, n in PORT_CALLS.items() for turn in range(1, n + 1)]
)
def test_they_agree_on_a_failure_of_every_port_call(call: str, turn: int, error: Exception):
    at = {call: (turn, error)}
    if call == "notify":
        at["decide"] = (1, DeciderError("no plan"))
    seen = []
    for runner in (run_tick, invoke_tick):
        floor = busy(Faults(copy.deepcopy(at)))
        try:
            state = runner(TICK, floor.desk())
            assert floor.ticks == [state]
        except JournalError as failure:
            state = (str(failure), repr(failure.__cause__))
            assert floor.ticks == []
        assert floor.faults.calls[call] >= turn, "this fault was never reached"
        seen.append((state, floor.sent, floor.cancelled, floor.told, floor.faults.calls))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("at", [{}, {"features": (1, ValueError("x"))}, {"submit": (2, OSError())}])
def test_their_records_hold_the_same_keys_in_the_same_order(at: dict):
    floors = busy(Faults(at)), busy(Faults(at))
    run_tick(TICK, floors[0].desk())
    invoke_tick(TICK, floors[1].desk())
    assert list(floors[0].ticks[0]) == list(floors[1].ticks[0])
