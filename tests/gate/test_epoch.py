import pytest

from kisbt.config import GateSettings
from kisbt.gate import epoch
from kisbt.gate.epoch import epoch_hash

CHANGES: dict[str, object] = {
    "level": 0.03, "skew_level": 0.01, "skew_below": -0.4, "block": 11, "draws": 2001,
    "embargo": 6, "affected_days": 61, "changed_decisions": 0.06, "pbo_versions": 9,
    "pbo_blocks": 12, "pbo_limit": 0.6, "drawdown_points": 0.03, "drawdown_bound": 0.95,
    "turnover_ratio": 1.6, "parse_failures": 0.02, "llm_budget_krw": 1.0, "holdout_level": 0.21,
    "holdout_looks": 4, "holdout_tests": 4, "holdout_days": 121, "shadow_wealth": 21.0,
    "shadow_days": 251, "clip_widths": 5.0, "stake_cap": 0.6, "ramp": (0.5, 1.0),
    "ramp_days": 21, "rollback_parse_failures": 0.06, "rollback_drift_days": 6,
}  # fmt: skip


def test_every_setting_is_tried() -> None:
    assert set(CHANGES) == set(GateSettings.model_fields)


@pytest.mark.parametrize("name", CHANGES)
def test_changing_any_threshold_begins_a_new_epoch(name: str) -> None:
    changed = GateSettings.model_validate({name: CHANGES[name]})
    assert epoch_hash(changed, 0) != epoch_hash(GateSettings(), 0)


def test_seed_belongs_to_the_epoch() -> None:
    assert epoch_hash(GateSettings(), 0) != epoch_hash(GateSettings(), 1)
    assert epoch_hash(GateSettings(), 0) == epoch_hash(GateSettings(), 0)


def test_code_that_decides_belongs_to_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    before = epoch_hash(GateSettings(), 0)
    monkeypatch.setattr(epoch, "_JUDGES", epoch._JUDGES[:-1])
    epoch.code_hash.cache_clear()
    try:
        assert epoch_hash(GateSettings(), 0) != before
    finally:
        monkeypatch.undo()
        epoch.code_hash.cache_clear()
