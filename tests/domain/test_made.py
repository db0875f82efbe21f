"""Values made without checks are those that a checked construction gives."""

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from kisbt.domain.market import Frozen
from kisbt.domain.state import RiskStatus, TickReport
from kisbt.domain.trading import Action, Decision, Outcome, TradingMode, TradingPlan, Verdict

FIELDS: list[tuple[type[Frozen], dict[str, Any]]] = [
    (Decision, {
        "ticker": "005930", "action": Action.BUY, "target_weight": 0.1, "quantity": None,
        "limit_price": 70_000, "confidence": 0.7, "justification": "추세", "rules": ("R0001",),
        "agreement": None,
    }),
    (TradingPlan, {"decisions": (), "comment": "없음"}),
    (Verdict, {
        "decision": 0, "ticker": "005930", "action": Action.SELL, "outcome": Outcome.CLIPPED,
        "requested": 5, "quantity": 3, "by": ("limit:sellable",), "reason": "일부",
    }),
    (RiskStatus, {
        "mode": TradingMode.ACTIVE, "reason": "", "drawdown": 0.1, "daily_loss": 0.0,
        "weekly_loss": 0.05,
    }),
    (TickReport, {"ending": "hold", "line": "보류"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields"), FIELDS)
def test_made_value_is_the_checked_one(kind: type[Frozen], fields: dict[str, Any]) -> None:
    made, checked = kind.made(**fields), kind(**fields)
    assert made == checked
    assert hash(made) == hash(checked)
    assert repr(made) == repr(checked)
    assert made.model_dump_json() == checked.model_dump_json()
    assert pickle.loads(pickle.dumps(made)) == checked
    assert made.model_copy(update={}) == checked
    with pytest.raises(ValidationError, match="frozen"):
        setattr(made, next(iter(fields)), None)
