"""Reading version files: what is right comes back, what is wrong is named with its line."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.domain.rules import Effect, EffectKind
from kisbt.errors import PromptError
from kisbt.rulebook.draft import Draft, compose
from kisbt.rulebook.parse import examine, examine_draft, parse
from kisbt.rulebook.render import render_file
from kisbt.rulebook.version import PromptVersion, content_hash
from tests.rulebook import samples
from tests.rulebook.samples import AT, draft, file_text, rule, unhurried


@settings(unhurried, max_examples=80)
@given(samples.drafts, st.integers(1, 9999), st.datetimes(datetime(2000, 1, 1)))
def test_parsed_rendering_is_the_version(made: Draft, number: int, at: datetime) -> None:
    version = compose(made, number, at)
    assert parse(render_file(version), "x.md") == version


@settings(unhurried, max_examples=40)
@given(samples.drafts)
def test_draft_read_back_from_a_version_is_the_draft(made: Draft) -> None:
    again = Draft.from_file(render_file(compose(made, 7, AT)), "x.md")
    assert again.policy == made.policy
    assert again.rules == made.rules
    assert compose(again, 7, AT) == compose(made, 7, AT)


def test_windows_line_ends_and_byte_order_mark_do_not_count() -> None:
    text = file_text()
    odd = "\ufeff" + text.replace("\n", "\r\n")
    assert parse(odd, "x.md") == parse(text, "x.md")
    assert content_hash(odd) == content_hash(text)


@pytest.mark.parametrize("zone", ["+09:00", "", "Z"])
def test_creation_time_becomes_korean_time(zone: str) -> None:
    text = file_text().replace("+09:00", zone)
    hours = 9 if zone == "Z" else 0
    assert parse(text, "x.md").created.hour == AT.hour + hours


def test_short_form_of_a_valued_effect_is_understood() -> None:
    made = draft(rules=(rule(1, "limit_up_streak >= 1", then="cap_weight", value=0.05),))
    text = file_text(made).replace("{effect: cap_weight, value: 0.05}", "{cap_weight: 0.05}")
    assert parse(text, "x.md").rules[0].then == Effect(kind=EffectKind.CAP_WEIGHT, value=0.05)


def test_comments_in_the_front_matter_are_allowed() -> None:
    assert parse(file_text().replace("\npolicy:", "\npolicy:  # 기준값"), "x.md").number == 1


def test_first_fault_is_the_error_with_file_and_line() -> None:
    text = file_text().replace("author: human", "author: nobody").replace("rank_by", "rank_bye")
    with pytest.raises(PromptError, match=r"^x\.md:6: author: .*'nobody'"):
        parse(text, "x.md")


def test_unknown_key_suggests_the_right_one() -> None:
    reading = examine(
        file_text().replace("    stop_loss_pct", "    x").replace("stop_loss_pct", "stop_los_pct"),
        "x.md",
    )
    assert reading.version is None
    assert any("did you mean 'stop_loss_pct'?" in (f.hint or "") for f in reading.findings)


def test_unknown_key_without_a_near_one_lists_the_known_ones() -> None:
    text = file_text().replace("op:", "zzzz: 1, op:", 1)
    (finding,) = examine(text, "x.md").findings
    assert finding.message == "unknown key 'policy.entry.0.zzzz'"
    assert finding.hint == "known: feature, op, value"


def test_unknown_key_in_a_rule_knows_the_keys_of_a_rule() -> None:
    text = file_text().replace("    because:", "    becuse: x\n    because:")
    (finding,) = examine(text, "x.md").findings
    assert finding.hint == "did you mean 'because'?"


def test_unknown_key_below_a_plain_value_gives_no_hint_of_keys() -> None:
    text = file_text().replace("author: human", "author: {a: 1}")
    findings = examine(text, "x.md").findings
    assert [finding.line for finding in findings] == [6]


def test_draft_needs_neither_number_nor_date_nor_filled_sections() -> None:
    lines = file_text().split("\n")
    text = "\n".join(x for x in lines if not x.startswith(("version:", "created:", "- ")))
    reading = examine_draft(text, "x.md")
    assert reading.findings == ()
    assert reading.header is not None
    assert reading.rules == draft().rules


def test_broken_draft_is_refused_with_its_line() -> None:
    text = file_text().replace("category: entry", "category: other")
    with pytest.raises(PromptError, match=r"^d\.md:\d+: rules\.0\.category"):
        Draft.from_file(text, "d.md")


def test_version_is_frozen() -> None:
    version = parse(file_text(), "x.md")
    assert isinstance(version, PromptVersion)
    with pytest.raises(ValueError, match="frozen"):
        version.number = 2  # type: ignore[misc]


@settings(unhurried, max_examples=200)
@given(st.data())
def test_damaged_file_gives_findings_and_never_another_error(data: st.DataObject) -> None:
    text = file_text()
    at = data.draw(st.integers(0, len(text) - 1))
    cut = data.draw(st.integers(0, 30))
    junk = data.draw(
        st.text(max_size=8) | st.sampled_from(["\n", "- ", "&a ", "*a", "{", "'", "\t"])
    )
    damaged = text[:at] + junk + text[at + cut :]
    lines = damaged.replace("\r\n", "\n").count("\n") + 1
    reading = examine(damaged, "x.md")
    assert (reading.version is None) == any(f.level == "error" for f in reading.findings)
    assert all(1 <= finding.line <= lines for finding in reading.findings)
