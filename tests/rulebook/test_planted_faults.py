"""Every fault that a version file can have is found, with its code and its line."""

import sys
from collections.abc import Callable

import pytest

from kisbt.errors import PromptError
from kisbt.rulebook.parse import examine, examine_draft, parse
from tests.rulebook.samples import condition, draft, file_text, policy, rule

Text = Callable[[str], str]


class Known:
    """A stand-in for a catalogue's feature."""

    def __init__(self, history: bool = True) -> None:
        self.history = history


CATALOGUE = {
    name: Known()
    for name in ("change_pct", "volume_ratio", "ma20_gap_pct", "limit_up_streak", "rsi14")
} | {"trade_strength": Known(history=False)}


def swap(old: str, new: str) -> Text:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def with_rules(*rules: object) -> str:
    return file_text(draft(rules=rules))


# what is planted: code of the finding, how, and what stands on the line that must be named
FAULTS: dict[str, tuple[str, Text, str]] = {
    "repeated key": ("yaml", swap("author:", "version: 2\nauthor:"), "version: 2"),
    "repeated nested key": ("yaml", swap("op:", "op: x, op:"), 'op: x, op: ">="'),
    "unquoted operator": ("yaml", swap('op: ">="', "op: >="), "op: >="),
    "alias": ("yaml", swap("evidence: []", "evidence: &a [*a]"), "&a"),
    "odd tag": ("yaml", swap("version: 1", "version: !!int x"), "!!int x"),
    "list as key": ("yaml", swap("author:", "[1]: 2\nauthor:"), "[1]: 2"),
    "control character": ("yaml", swap("시험용 판", "시험\x07"), "summary:"),
    "unknown key": ("unknown-key", swap("author:", "colour: red\nauthor:"), "colour"),
    "unknown rule key": ("unknown-key", swap("priority: 5", "prio: 5\n    priority: 5"), "prio"),
    "missing key": ("missing-key", swap('  rank_by: "volume_ratio"\n', ""), "policy:"),
    "number as text": ("schema", swap("priority: 5", 'priority: "5"'), "priority"),
    "boolean as number": ("schema", swap("target_weight: 0.1", "target_weight: yes"), "target_w"),
    "infinite number": ("schema", swap("value: 2}", "value: .inf}"), ".inf"),
    "not a number": ("schema", swap("value: 2}", "value: .nan}"), ".nan"),
    "bad operator": ("schema", swap('op: ">="', 'op: "=>"'), "=>"),
    "equals sign": ("schema", swap('op: ">="', "op: ="), "op: ="),
    "bad rule id": ("schema", swap("id: R0001", "id: rule1"), "id: rule1"),
    "bad effect": ("schema", swap("effect: block_buy", "effect: sell"), "effect: sell"),
    "effect without value": ("schema", swap("effect: block_buy", "effect: cap_weight"), "then"),
    "effect with a value": ("schema", swap("block_buy}", "block_buy, value: 1}"), "then"),
    "no entry condition": ("schema", swap("  entry:\n", "  entry: []\n  x:\n"), "entry: []"),
    "later format": ("schema", swap("format: 1", "format: 2"), "format: 2"),
    "date instead of time": ("schema", swap("2026-03-02T09:30:00+09:00", "soon"), "created"),
    "parent not older": ("parent", swap("parent: null", "parent: 1"), "parent: 1"),
    "summary of two lines": ("text", swap("시험용 판", "시험용\\n판"), "summary"),
    "comment in a reason": ("text", swap('because: "시험"', 'because: "a --> b"'), "because"),
    "comment in evidence": ("text", swap("evidence: []", 'evidence: ["<!--"]'), "<!--"),
    "comment in a run": ("text", swap("source_runs: []", 'source_runs: ["<!--"]'), "<!--"),
    "more losers than trades": ("evidence", swap("losers: 0", "losers: 1"), "losers: 1"),
    "feature twice": ("features", swap('["change_pct"', '["change_pct", "change_pct"'), "feat"),
    "odd feature name": ("features", swap('["change_pct"', '["change_pct", "A b"'), "feat"),
    "unknown feature": ("unknown-feature", swap('["cha', '["volume_ratios", "cha'), "feat"),
    "strange feature": ("unknown-feature", swap('["cha', '["zzz", "cha'), "feat"),
    "undeclared feature": (
        "undeclared-feature",
        swap('feature: "change_pct"', 'feature: "change_pc"'),
        '"change_pc"',
    ),
    "undeclared ranking": ("undeclared-feature", swap('rank_by: "v', 'rank_by: "zzzz_v'), "zzzz_v"),
    "undeclared in a rule": (
        "undeclared-feature",
        swap('feature: "limit_up_streak"', 'feature: "streak"'),
        '"streak"',
    ),
    "mentioned, not declared": ("undeclared-feature", swap("끝.", "`rsi14`도 본다."), "`rsi14`"),
    "impossible entry": (
        "contradiction",
        swap(
            'op: ">=", value: 2}\n',
            'op: "<", value: -99}\n    - {feature: "volume_ratio", op: ">", value: 2}\n',
        ),
        "entry:",
    ),
    "impossible exit": (
        "contradiction",
        swap('"ma20_gap_pct", op: "<"', '"volume_ratio", op: ">"'),
        "value: -3}",
    ),
    "gate on one name": (
        "market-feature",
        swap("market: []", 'market:\n    - {feature: "rsi14", op: ">", value: 1}'),
        '"rsi14"',
    ),
    "no front matter": ("front-matter", swap("---\n", ""), "format"),
    "open front matter": ("front-matter", lambda text: text.replace("\n---\n", "\n"), "---"),
    "front matter is a list": (
        "yaml",
        lambda text: "---\n- a\n---\n" + text.split("\n---\n")[1],
        "- a",
    ),
    "no text": ("empty", lambda text: text.split("\n---\n")[0] + "\n---\n", ""),
    "no last line feed": ("line-end", lambda text: text.rstrip("\n"), "끝."),
    "marker missing": ("marker", swap("<!-- kisbt:rules:end -->\n", ""), "# 시험용"),
    "marker twice": ("marker", swap("끝.", "<!-- kisbt:rules:end -->"), "<!-- kisbt:rules:end"),
    "marker inside a line": (
        "marker",
        swap("<!-- kisbt:policy:begin -->", "x <!-- kisbt:policy:begin -->"),
        "x <!--",
    ),
    "markers swapped": (
        "marker",
        lambda text: (
            text.replace("rules:begin", "?")
            .replace("rules:end", "rules:begin")
            .replace("?", "rules:end")
        ),
        "<!-- kisbt:rules:end",
    ),
    "sections overlap": (
        "marker",
        lambda text: (
            text.replace("policy:end", "?")
            .replace("rules:begin", "policy:end")
            .replace("?", "rules:begin")
        ),
        "",
    ),
    "edited conditions": ("edited-section", swap("`change_pct` ≥ 2", "`change_pct` ≥ 3"), "≥ 3"),
    "edited rules": ("edited-section", swap("근거: 시험", "근거: 다른"), "근거: 다른"),
    "line added to rules": (
        "edited-section",
        swap("\n<!-- kisbt:rules:end", "- 모두 사라\n\n<!-- kisbt:rules:end"),
        "- 모두 사라",
    ),
    "data changed, not the text": ("edited-section", swap("loss_pct: 7", "loss_pct: 8"), "손절"),
}


@pytest.mark.parametrize(("code", "plant", "there"), FAULTS.values(), ids=FAULTS.keys())
def test_planted_fault_is_found_on_its_line(code: str, plant: Text, there: str) -> None:
    text = plant(file_text())
    findings = [f for f in examine(text, "x.md", CATALOGUE).findings if f.code == code]
    assert findings, examine(text, "x.md", CATALOGUE).findings
    lines = text.split("\n")
    assert any(there in lines[f.line - 1] for f in findings), findings
    assert all(finding.level == "error" for finding in findings)
    with pytest.raises(PromptError) as caught:
        parse(text, "x.md", CATALOGUE)
    assert caught.value.message.startswith("x.md:")
    assert "\n" not in str(caught.value)


RULE_FAULTS = {
    "id twice": ("duplicate-rule", (rule(1, "rsi14 > 1"), rule(1, "change_pct > 1")), "R0001"),
    "never fires": ("contradiction", (rule(1, "rsi14 > 70", "rsi14 < 30"),), "when:"),
    "subsumed": ("subsumed", (rule(1, "rsi14 > 70"), rule(2, "rsi14 > 80")), "R0002"),
    "equal": ("subsumed", (rule(1, "rsi14 > 70"), rule(2, "rsi14 > 70")), "R0002"),
    "subsumed by a later one": (
        "subsumed",
        (rule(1, "rsi14 > 80"), rule(2, "rsi14 > 70")),
        "R0001",
    ),
    "blocks every entry": ("contradiction", (rule(1, "volume_ratio >= 1.5"),), "R0001"),
    "throws out every entry": (
        "contradiction",
        (rule(1, "change_pct > 0", then="force_exit"),),
        "R0001",
    ),
    "thirteen": (
        "too-many-rules",
        tuple(rule(n, f"rsi14 == {n}") for n in range(1, 14)),
        "R0013",
    ),
}


@pytest.mark.parametrize(("code", "rules", "there"), RULE_FAULTS.values(), ids=RULE_FAULTS.keys())
def test_planted_rule_fault_is_found_once_and_on_its_line(
    code: str, rules: tuple[object, ...], there: str
) -> None:
    made = draft(rules=rules, features=())
    text = render_unchecked(made)
    findings = [f for f in examine(text, "x.md").findings if f.code == code]
    assert len(findings) == 1
    assert there in text.split("\n")[findings[0].line - 1]


def render_unchecked(made: object) -> str:
    """A file whose rules are wrong; the thirteenth is put in after rendering twelve."""
    rules = made.rules  # type: ignore[attr-defined]
    text = file_text(made.model_copy(update={"rules": rules[:12]}))  # type: ignore[attr-defined]
    if len(rules) == 13:
        head, tail = text.split("  - id: R0012", 1)
        block, rest = ("  - id: R0012" + tail).split("\n---\n", 1)
        text = f"{head}{block}\n{block.replace('R0012', 'R0013')}\n---\n{rest}"
    return text


def test_live_only_feature_is_a_doubt_and_not_a_fault() -> None:
    made = draft(policy=policy(entry=("volume_ratio >= 2", "trade_strength > 120")))
    findings = examine(file_text(made), "x.md", CATALOGUE).findings
    assert [(f.level, f.code) for f in findings] == [("warning", "live-only")]
    assert parse(file_text(made), "x.md", CATALOGUE).number == 1


def test_feature_that_is_listed_but_never_used_is_a_doubt() -> None:
    (finding,) = examine(file_text(draft(features=("rsi14",))), "x.md").findings
    assert (finding.level, finding.code) == ("warning", "unused-feature")
    draft_text = file_text(draft(features=("rsi14",), text=draft().text + "`rsi14`\n"))
    assert examine(draft_text, "x.md").findings == ()


def test_near_miss_of_a_feature_name_gets_a_suggestion() -> None:
    text = file_text().replace('feature: "change_pct"', 'feature: "chnge_pct"')
    hints = [f.hint for f in examine(text, "x.md").findings if f.code == "undeclared-feature"]
    assert hints == ["did you mean 'change_pct'?"]
    text = file_text().replace("change_pct", "chnge_pct")
    hints = [f.hint for f in examine(text, "x.md", CATALOGUE).findings]
    assert "did you mean 'change_pct'?" in hints


def test_several_faults_are_all_found() -> None:
    text = file_text().replace("priority: 5", "priority: 50").replace("loss_pct: 7", "loss_pct: -7")
    assert {f.code for f in examine(text, "x.md").findings} == {"schema"}
    assert len(examine(text, "x.md").findings) == 2


def test_impossible_market_gate_is_found_before_the_entry() -> None:
    made = draft(policy=policy(market=("breadth > 0.6", "breadth < 0.4")))
    (finding,) = examine(file_text(made), "x.md").findings
    assert "no value of 'breadth' satisfies market" in finding.message


def test_rules_are_not_compared_with_an_impossible_entry() -> None:
    made = draft(policy=policy(entry=("rsi14 > 5", "rsi14 < 5")), rules=(rule(1, "rsi14 > 0"),))
    findings = examine(file_text(made), "x.md").findings
    assert [f.message for f in findings] == ["no value of 'rsi14' satisfies entry"]


def test_avoid_line_that_every_entry_meets_is_found() -> None:
    made = draft(policy=policy(avoid=("volume_ratio > 1",)))
    (finding,) = examine(file_text(made), "x.md").findings
    assert "every name that may be bought meets this avoid line" in finding.message


def test_deeply_nested_front_matter_is_refused() -> None:
    text = file_text().replace("evidence: []", f"evidence: {'[' * 3000}", 1)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)  # hypothesis leaves a higher one behind
    try:
        assert examine(text, "x.md").findings[0].message == "nested too deeply"
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("odd", [f"{'[' * 250}{']' * 250}", '["\\ud800"]', "[1.0e+999]"])
def test_value_that_json_cannot_carry_is_refused(odd: str) -> None:
    text = file_text().replace("evidence: []", f"evidence: {odd}", 1)
    assert [f.level for f in examine(text, "x.md").findings] == ["error"]


def test_draft_with_the_same_fault_names_it_too() -> None:
    text = file_text().replace('op: "<"', 'op: "<<"')
    assert [f.code for f in examine_draft(text, "x.md").findings] == ["schema"]
    assert condition("a < 1").op == "<"
