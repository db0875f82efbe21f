"""What a tick leaves in the journal's rows."""

import math

from kisbt.domain.rules import EffectKind
from kisbt.journal.encode import encode_tick
from kisbt.trading_graph.direct import run_tick
from tests.risk.world import SAMSUNG, buy
from tests.trading_graph.floor import TICK, Floor, held
from tests.trading_graph.test_nodes import a_rule


def test_an_exit_that_a_rule_forces_is_journaled_with_its_reason():
    floor = Floor(rows={SAMSUNG: {"change_pct": 12.5}}, held={SAMSUNG: held(10)})
    state = run_tick(TICK, floor.desk(rules=(a_rule(EffectKind.FORCE_EXIT),)))
    encoded = encode_tick(state)
    (row,) = encoded.decisions
    assert row[:4] == (0, 0, SAMSUNG, "SELL")
    assert "학습 규칙 R0001: 강제 청산" in row
    assert encoded.sent == {"N1": 0}


def test_an_absurd_plan_can_be_journaled():
    absurd = [
        buy("?" * 300, quantity=10**400),
        buy(target_weight=math.nan, confidence=math.inf),
        buy(limit_price=-(10**400)),
    ]
    state = run_tick(TICK, Floor(script=absurd).desk())
    assert state["report"].ending == "nothing_passed"
    assert len(encode_tick(state).decisions) == 3
