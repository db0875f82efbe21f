import re
from dataclasses import replace
from pathlib import Path

import pytest

from kisbt.domain.result import RunResult
from kisbt.report.comparison import comparison_table, render_comparison, write_comparison
from kisbt.report.contest import Contest, Entry, LeftOut, Trials, contest_of
from kisbt.report.standings import standings
from kisbt.report.verdicts import judge
from tests.report.fakes import drifted, fake_result
from tests.report.test_tearsheet import read, text_of

WINNING_WORDS = "낫다|못하다|better|worse"


@pytest.fixture(scope="module")
def first() -> RunResult:
    return fake_result(seed=1, sessions=300, warmup=60)


@pytest.fixture(scope="module")
def second(first: RunResult) -> RunResult:
    prompt = {"number": 2, "hash": "sha256:" + "99" * 32, "summary": "둘째 판"}
    return replace(
        fake_result(seed=2, sessions=300, warmup=60), prompt=prompt, benchmark=first.benchmark
    )


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_undecided_page_never_uses_the_words_of_a_verdict(
    first: RunResult, second: RunResult, lang: str
) -> None:
    page = render_comparison(contest_of([first, second], lang), lang)  # type: ignore[arg-type]
    said = text_of(page)
    assert ("판단 보류" if lang == "ko" else "undecided") in said
    assert not re.search(WINNING_WORDS, said)


@pytest.mark.parametrize(("sign", "word"), [(1, "better"), (-1, "worse")])
def test_planted_difference_is_called_by_its_word(first: RunResult, sign: int, word: str) -> None:
    contest = contest_of([replace(first, fills=[]), drifted(first, sign * 0.0006)], "en")
    said = text_of(render_comparison(contest, "en"))
    assert re.findall(WINNING_WORDS, said) == [word, word]  # the banner and the table


def test_page_shows_every_standing_and_the_method(first: RunResult, second: RunResult) -> None:
    contest = contest_of([first, second])
    trials = Trials(7)
    said = text_of(render_comparison(contest, trials=trials))
    assert "LLMTrader · 프롬프트 1" in said
    assert "LLMTrader · 프롬프트 2" in said
    assert "7번 시도한 운보다 클 확률" in said
    assert "max-T" in said
    assert "SPA p = " in said
    for row in standings(contest, trials):
        assert row.name("ko") in said
        assert all(value in said for value in row.written("ko"))


def test_page_is_offline_well_formed_and_deterministic(
    first: RunResult, second: RunResult, tmp_path: Path
) -> None:
    contest = contest_of([first, second])
    path = write_comparison(contest, tmp_path / "comparison.html")
    page = path.read_bytes()
    assert page == render_comparison(contest_of([first, second]))
    assert not re.search(rb"https?:|<script|<img", page)
    assert page.count(b"<polyline") == 3
    assert read(page).links == ["data:,"]


def test_other_data_is_said_and_neither_drawn_nor_tested(
    first: RunResult, second: RunResult
) -> None:
    other = replace(second, dataset={**second.dataset, "hash": "sha256:" + "00" * 32})
    contest = contest_of([first, other])
    page = render_comparison(contest)
    assert judge(contest) is None
    assert "데이터나 기간이 서로 달라" in text_of(page)
    assert "검정하지 않았습니다" in text_of(page)
    assert b"<polyline" not in page


def test_terminal_table_has_one_column_a_version(first: RunResult, second: RunResult) -> None:
    columns, rows = comparison_table(contest_of([first, second], "en"), "en")
    assert columns == ["Figure", "LLMTrader · prompt 1", "LLMTrader · prompt 2"]
    assert rows[0][0] == "Total return"
    assert all(len(row) == 3 for row in rows)


def test_violation_of_one_run_is_loud(first: RunResult, second: RunResult) -> None:
    bad = replace(second, violations=["fill 9: locked"])
    assert "1 legality violations" in text_of(render_comparison(contest_of([first, bad]), "en"))


def test_each_version_tells_its_own_part_of_the_honesty_box(
    first: RunResult, second: RunResult
) -> None:
    told = replace(second, notes=["거부된 주문 7건"], skipped_features=["trade_strength"])
    said = text_of(render_comparison(contest_of([first, told])))
    own = said[said.rindex("LLMTrader · 프롬프트 2") :]
    for words in ("거부된 주문 7건", "trade_strength", "제외 구간", "둘째 판"):
        assert words in own
    assert "벤치마크 동일 비중" not in own
    assert said.count("거부된 주문 7건") == 1


def test_windows_rules_and_seeds_have_their_tables(first: RunResult, second: RunResult) -> None:
    versions = [
        Entry(name, ((run, run), (drifted(run, 0.0001), run)))
        for name, run in (("하나", first), ("둘", second))
    ]
    without = LeftOut(1, "R0007", "급등 추격", ((drifted(second, -0.0002), second),) * 2)
    said = text_of(render_comparison(Contest(versions, [without])))
    for words in ("구간별 수익률", "규칙을 하나씩 빼면", "R0007", "급등 추격", "모델의 흔들림"):
        assert words in said
    plain = text_of(render_comparison(contest_of([first, second])))
    assert "구간별 수익률" not in plain
    assert "모델의 흔들림" not in plain
