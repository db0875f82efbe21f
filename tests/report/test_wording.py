import pytest

from kisbt.report.honesty import ASSUMPTIONS, assumption
from kisbt.report.metrics import Figure, compute_metrics
from kisbt.report.wording import LABELS, Kind, Lang, in_words, say, tone, write_figure
from tests.report.fakes import fake_result


def test_every_figure_has_a_label_in_both_languages() -> None:
    assert set(LABELS) == set(compute_metrics(fake_result(sessions=70)))
    for label in LABELS.values():
        assert label.ko
        assert label.en


@pytest.mark.parametrize(
    ("value", "kind", "lang", "written"),
    [
        (0.12345, "signed", "ko", "+12.35%"),
        (-0.12345, "signed", "ko", "−12.35%"),
        (0.0, "signed", "ko", "0.00%"),
        (-0.000001, "signed", "ko", "0.00%"),
        (0.5, "fraction", "ko", "50.00%"),
        (1234567, "won", "ko", "1,234,567원"),
        (1234567, "won", "en", "₩1,234,567"),
        (-1234, "signed_won", "ko", "−1,234원"),
        (0.666, "ratio", "ko", "0.67"),
        (12, "days", "ko", "12일"),
        (12, "days", "en", "12 d"),
        (1200, "count", "ko", "1,200"),
        (None, "won", "ko", "–"),
        (True, "text", "ko", "예"),
        (False, "text", "en", "no"),
        ("2024-01-02", "day", "ko", "2024-01-02"),
    ],
)
def test_figures_are_written_for_people(
    value: Figure, kind: Kind, lang: Lang, written: str
) -> None:
    assert write_figure(value, kind, lang) == written


def test_figure_knows_its_own_kind() -> None:
    assert say("max_drawdown", -0.2, "ko") == "−20.00%"


@pytest.mark.parametrize(
    ("value", "kind"), [(1, "gain"), (-0.1, "loss"), (0, ""), (None, ""), (True, ""), ("x", "")]
)
def test_sign_gives_the_tone(value: Figure, kind: str) -> None:
    assert tone(value) == kind


def test_assumptions_are_worded_and_sentences_stay() -> None:
    assert "10 %" in assumption("participation:10 %", "en")
    assert assumption("손으로 쓴 가정: 하나", "en") == "손으로 쓴 가정: 하나"
    assert all(ko and en for ko, en in ASSUMPTIONS.values())


def test_known_labels_change_language_and_others_do_not() -> None:
    assert in_words("전략 파일 (LLM 없음)", "en") == "strategy file (no LLM)"
    assert in_words("전략 파일 (LLM 없음)", "ko") == "전략 파일 (LLM 없음)"
    assert in_words("KOSPI", "en") == "KOSPI"
