import re
from dataclasses import replace
from pathlib import Path

import pytest

from kisbt.domain.result import RunResult
from kisbt.report.comparison import (
    KEYS,
    compare,
    comparison_table,
    no_verdict,
    render_comparison,
    write_comparison,
)
from kisbt.report.metrics import compute_metrics
from kisbt.report.wording import label_of, say
from tests.report.fakes import fake_result
from tests.report.test_tearsheet import read, text_of


@pytest.fixture(scope="module")
def first() -> RunResult:
    return fake_result(seed=1, sessions=300, warmup=60)


@pytest.fixture(scope="module")
def second(first: RunResult) -> RunResult:
    prompt = {"number": 2, "hash": "sha256:" + "99" * 32, "summary": "둘째 판"}
    return replace(
        fake_result(seed=2, sessions=300, warmup=60), prompt=prompt, benchmark=first.benchmark
    )


def test_page_sets_runs_side_by_side_and_gives_no_verdict(
    first: RunResult, second: RunResult
) -> None:
    page = render_comparison([first, second])
    said = text_of(page)
    assert no_verdict() in said
    assert "통계 검정 없이 나란히 보여줄 뿐입니다" in said
    assert "LLMTrader · 프롬프트 1" in said
    assert "LLMTrader · 프롬프트 2" in said
    assert not re.search("우수|열등|더 낫|더 나쁘|승자|better|worse", said)
    for key in KEYS:
        for result in (first, second):
            assert say(key, compute_metrics(result)[key], "ko") in said, key


def test_page_is_offline_well_formed_and_deterministic(
    first: RunResult, second: RunResult, tmp_path: Path
) -> None:
    path = write_comparison([first, second], tmp_path / "comparison.html")
    page = path.read_bytes()
    assert page == render_comparison([first, second])
    assert not re.search(rb"https?:|<script|<img", page)
    assert page.count(b"<polyline") == 3
    assert read(page).links == ["data:,"]


def test_longest_warmup_counts_for_all(first: RunResult, second: RunResult) -> None:
    longer = replace(second, warmup_bars=120)
    compared = compare([first, longer])
    assert compared.shortened
    assert [result.warmup_bars for result in compared.results] == [120, 120]
    said = text_of(render_comparison([first, longer]))
    assert "가장 긴 쪽에 맞췄습니다" in said
    same = compute_metrics(replace(first, warmup_bars=120))
    assert comparison_table([first, longer])[1][0][1] == say(
        "total_return", same["total_return"], "ko"
    )


def test_other_data_is_said_and_not_drawn(first: RunResult, second: RunResult) -> None:
    other = replace(second, dataset={**second.dataset, "hash": "sha256:" + "00" * 32})
    page = render_comparison([first, other])
    assert "데이터나 기간이 서로 달라" in text_of(page)
    assert b"<polyline" not in page


def test_other_period_is_not_common(first: RunResult) -> None:
    assert not compare([first, fake_result(seed=1, sessions=299)]).common


def test_equal_names_are_told_apart_by_run(first: RunResult) -> None:
    names = compare([first, replace(first, run_id="other")]).names
    assert names == ("LLMTrader · 프롬프트 1 (fake-1)", "LLMTrader · 프롬프트 1 (other)")


def test_terminal_table_has_one_row_a_figure(first: RunResult, second: RunResult) -> None:
    columns, rows = comparison_table([first, second], "en")
    assert columns == ["Figure", "LLMTrader · prompt 1", "LLMTrader · prompt 2"]
    assert [row[0] for row in rows] == [label_of(key, "en") for key in KEYS]
    assert all(len(row) == 3 for row in rows)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="no result"):
        compare([])


def test_violation_of_one_run_is_loud(first: RunResult, second: RunResult) -> None:
    page = render_comparison([first, replace(second, violations=["fill 9: locked"])], "en")
    assert "1 legality violations" in text_of(page)


def test_each_run_tells_its_own_part_of_the_honesty_box(
    first: RunResult, second: RunResult
) -> None:
    told = replace(second, notes=["거부된 주문 7건"], skipped_features=["trade_strength"])
    said = text_of(render_comparison([first, told]))
    own = said[said.rindex("LLMTrader · 프롬프트 2") :]
    for words in ("거부된 주문 7건", "trade_strength", "제외 구간", "둘째 판"):
        assert words in own
    assert "벤치마크 동일 비중" not in own
    assert said.count("거부된 주문 7건") == 1
