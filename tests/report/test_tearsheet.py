import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kisbt.domain.result import RunResult
from kisbt.report.tearsheet import render_tearsheet, write_tearsheet
from kisbt.report.wording import LABELS
from tests.report.fakes import START_CASH, fake_result, from_levels

VOID = {"meta", "link", "br", "input", "img", "hr"}


class Reader(HTMLParser):
    """Collects what a browser would see: text, ids, and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [v for n, v in attrs if n in ("src", "href", "action", "data") and v]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def read(page: bytes) -> Reader:
    reader = Reader()
    reader.feed(page.decode())
    reader.close()
    assert reader.open == []
    return reader


def text_of(page: bytes) -> str:
    return " ".join(" ".join(read(page).words).split())


@pytest.fixture(scope="module")
def result() -> RunResult:
    return fake_result(sessions=320)


@pytest.fixture(scope="module")
def korean(result: RunResult) -> bytes:
    return render_tearsheet(result)


@pytest.fixture
def without_quantstats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the seconds that its charts take where the rest of the page is looked at."""

    def skip(*_: object, **__: object) -> None:
        raise RuntimeError("skipped")

    monkeypatch.setattr("kisbt.report.tearsheet.quantstats_parts", skip)


def test_same_result_gives_the_same_bytes(result: RunResult, korean: bytes) -> None:
    assert render_tearsheet(fake_result(sessions=320)) == korean


def test_page_fetches_nothing(korean: bytes) -> None:
    page = korean.decode()
    assert not re.search(r"https?:|//[a-z0-9.-]+\.[a-z]{2,}|@import|<script|<iframe|<img", page)
    assert not re.search(r"url\((?!#)", page)
    for link in read(korean).links:
        assert link.startswith("#") or link == "data:,"
    assert "default-src 'none'" in page


def test_page_is_well_formed_and_its_ids_are_unique(korean: bytes) -> None:
    ids = read(korean).ids
    assert len(ids) == len(set(ids)) > 0
    used = set(re.findall(r"url\(#([^)]+)\)", korean.decode()))
    assert used <= set(ids)


def test_page_carries_no_date_of_making(korean: bytes) -> None:
    assert b"dc:date" not in korean
    assert b"Matplotlib" not in korean


def test_honesty_box_says_what_the_result_rests_on(korean: bytes) -> None:
    said = text_of(korean)
    for words in (
        "결과를 보기 전에",
        "합성 데이터",
        "fake-market",
        "원주가",
        "abababababab",
        "rulebook (no LLM) LLM을 한 번도 부르지 않음",
        "버전 1",
        "cdcdcdcdcdcd",
        "이 데이터로 3번",
        "준비 구간 60봉 은 어떤 통계에도 넣지 않음",
        "위반 0건",
        "동일 비중 매수 후 보유",
        "VI",
        "거래량의 10 %까지",
        "비용이 0이었다면",
    ):
        assert words in said, words


def test_costs_and_the_zero_cost_twin_stand_beside_the_net_result(
    result: RunResult, korean: bytes
) -> None:
    said = text_of(korean)
    assert f"수수료 {result.commission:,}원" in said
    assert f"거래세 {result.tax:,}원" in said
    net = result.equity[-1].equity / START_CASH - 1
    gross = result.gross_equity[-1] / START_CASH - 1
    written = f"비용 반영 {net * 100:+.2f}% / 비용이 0이었다면 {gross * 100:+.2f}%"
    assert written.replace("-", "−") in said


def test_every_figure_group_and_quantstats_table_is_korean(korean: bytes) -> None:
    said = text_of(korean)
    for words in (
        "핵심 수치",
        "월별 수익률",
        "최근 체결",
        "quantstats 통계",
        "확률적 Sharpe",
        "왜도",
    ):
        assert words in said
    for english in ("Cumulative Return", "Expected", "Avg.", "Worst Day", "Benchmark", "Strategy"):
        assert english not in said, english


def test_english_page_has_no_korean_but_names_and_reasons(result: RunResult) -> None:
    dataset = {**result.dataset, "names": {}}
    page = render_tearsheet(
        replace(result, dataset=dataset, reasons={}, prompt=None, benchmark_label="index"), "en"
    )
    assert not re.search("[가-힣]", text_of(page))
    assert "SYNTHETIC DATA" in text_of(page)


def test_trades_carry_their_justification(result: RunResult, korean: bytes) -> None:
    said = text_of(korean)
    last = result.fills[-1]
    assert result.reasons[last.ref] in said
    assert f"{last.price:,}" in said


@pytest.mark.usefixtures("without_quantstats")
def test_violations_are_loud(result: RunResult) -> None:
    page = render_tearsheet(replace(result, violations=["fill 3: off tick"]))
    said = text_of(page)
    assert "규정 위반 1건 이 결과는 쓸 수 없습니다." in said
    assert "fill 3: off tick" in said
    assert said.index("규정 위반") < said.index("결과를 보기 전에")


@pytest.mark.usefixtures("without_quantstats")
def test_text_of_a_run_cannot_become_markup(result: RunResult) -> None:
    evil = '<script>alert("x")</script>{{metrics}}'
    page = render_tearsheet(
        replace(
            result,
            reasons=dict.fromkeys(result.reasons, evil),
            strategy={"name": evil, "file": evil},
            prompt={"number": evil, "summary": evil, "hash": evil},
            benchmark_label=evil,
            notes=[evil],
            skipped_features=[evil],
            assumptions=[evil],
            decider=evil,
            run_id=evil,
        )
    )
    assert b"<script" not in page
    assert evil in "".join(read(page).words)


@pytest.mark.usefixtures("without_quantstats")
def test_fills_inside_the_warmup_are_told(result: RunResult) -> None:
    fills = sum(fill.at <= result.equity[149].at for fill in result.fills)
    assert f"그 구간에 체결 {fills}건" in text_of(
        render_tearsheet(replace(result, warmup_bars=150))
    )


@pytest.mark.usefixtures("without_quantstats")
def test_skipped_features_and_notes_are_told(result: RunResult) -> None:
    page = render_tearsheet(
        replace(result, skipped_features=["trade_strength"], notes=["거부 3건"])
    )
    assert "trade_strength" in text_of(page)
    assert "거부 3건" in text_of(page)


@pytest.mark.parametrize(
    ("levels", "changes", "reason"),
    [
        ([START_CASH] * 30, {}, "체결이 한 건도 없었습니다."),
        ([START_CASH + 1, START_CASH + 9], {}, "거래일이 2일뿐입니다"),
        ([START_CASH] * 30, {"warmup_bars": 30}, "거래일이 0일뿐입니다"),
        ([], {}, "거래일이 0일뿐입니다"),
    ],
)
def test_page_without_statistics_says_why(
    levels: list[int], changes: dict[str, int], reason: str
) -> None:
    said = text_of(render_tearsheet(from_levels(levels, [100.0] * len(levels), **changes)))
    assert "아래 통계를 만들지 않은 이유" in said
    assert reason in said
    assert "결과를 보기 전에" in said


def test_equity_that_never_moved_is_left_out_with_a_reason() -> None:
    traded = fake_result(sessions=40, warmup=0, trade_chance=0.9)
    still = [point._replace(equity=START_CASH) for point in traded.equity]
    page = render_tearsheet(replace(traded, equity=still))
    assert "자산이 하루도 변하지 않았습니다." in text_of(page)


def test_constant_benchmark_leaves_out_the_comparison_only(result: RunResult) -> None:
    still = [point._replace(value=100.0) for point in result.benchmark]
    said = text_of(render_tearsheet(replace(result, benchmark=still)))
    assert "비교 통계는 뺐습니다" in said
    assert "확률적 Sharpe" in said
    assert "이동 베타" not in said


def test_failing_quantstats_costs_its_section_only(
    result: RunResult, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no <b>luck</b>")

    monkeypatch.setattr("kisbt.report.tearsheet.quantstats_parts", broken)
    said = text_of(render_tearsheet(result))
    assert "quantstats 오류: ZeroDivisionError: no <b>luck</b>" in said
    assert "핵심 수치" in said
    assert "could not digest" in caplog.text


@pytest.mark.usefixtures("without_quantstats")
def test_short_run_does_not_boast_an_annualised_return() -> None:
    page = render_tearsheet(fake_result(sessions=60, warmup=0, trade_chance=0.0)).decode()
    cards = page[page.index('class="cards"') : page.index("</section>", page.index("cards"))]
    assert LABELS["cagr"].ko not in cards
    assert "연환산 수치는 참고만" in page


def test_minute_run_has_a_page() -> None:
    page = render_tearsheet(fake_result(sessions=20, bars_a_day=30, warmup=35, trade_chance=0.1))
    assert "1분봉" in text_of(page)
    assert "이동 Sharpe" not in text_of(page)


def test_file_is_the_rendered_page(tmp_path: Path) -> None:
    quiet = from_levels([START_CASH] * 5)
    path = write_tearsheet(quiet, tmp_path / "deep" / "tearsheet.html")
    assert path.read_bytes() == render_tearsheet(quiet)
    assert [file.name for file in path.parent.iterdir()] == ["tearsheet.html"]
