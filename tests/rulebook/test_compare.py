"""Two versions side by side."""

from kisbt.rulebook.compare import Change, compare_data, compare_text
from kisbt.rulebook.draft import compose
from tests.rulebook.samples import AT, draft, policy, rule

OLD = compose(draft(rules=(rule(1, "rsi14 > 70"), rule(2, "change_pct > 9"))), 1, AT)
NEW = compose(
    draft(
        policy=policy(exits=(), take_profit_pct=9, stop_loss_pct=None),
        rules=(rule(2, "change_pct > 8"), rule(3, "breadth < 0.2")),
    ),
    2,
    AT,
)


def test_equal_versions_do_not_differ() -> None:
    assert compare_data(OLD, OLD) == []
    assert compare_text(OLD, OLD) == []


def test_thresholds_and_rules_that_differ_are_listed() -> None:
    changes = {change.what: change for change in compare_data(OLD, NEW)}
    assert list(changes) == [
        "policy.exits",
        "policy.stop_loss_pct",
        "policy.take_profit_pct",
        "rule.R0001",
        "rule.R0002",
        "rule.R0003",
    ]
    assert changes["policy.exits"].before == "20봉 이동평균 이격률 `ma20_gap_pct` < -3"
    assert changes["policy.exits"].after is None
    assert changes["policy.take_profit_pct"] == Change("policy.take_profit_pct", None, "9.0")
    assert changes["rule.R0001"].after is None
    assert changes["rule.R0003"].before is None
    assert (changes["rule.R0002"].before or "").startswith("**R0002** [진입, 우선순위 5] 등락률")


def test_text_difference_is_a_unified_diff() -> None:
    lines = compare_text(OLD, NEW)
    assert lines[:2] == ["--- version 1", "+++ version 2"]
    assert "-- 손절: 평균 매입가보다 7 % 이상 하락" in lines
