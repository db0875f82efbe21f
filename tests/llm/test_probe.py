"""The probe over models whose memory is known."""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from kisbt.data.dataset import Dataset
from kisbt.domain.market import Instrument
from kisbt.errors import DataError, DeciderError, StopRun
from kisbt.llm.exchange import ChatRequest, Exchange
from kisbt.llm.probe import ProbeReport, mark, run_probe
from kisbt.llm.probe_questions import make_questions
from kisbt.llm.probe_words import COLUMNS, rows, title, verdict_lines
from tests.llm.fakes import exchange_of

ASKED_NAME = re.compile(r"종목: .* \(([0-9A-Z]{6}), ")
ASKED_DAY = re.compile(r"날짜: (\d{4}-\d\d-\d\d)")


def history(days: int = 500, names: int = 6) -> Dataset:
    rng = np.random.default_rng(3)
    times = pd.bdate_range("2023-01-02", periods=days) + pd.Timedelta(hours=15, minutes=30)
    frames, instruments = {}, {}
    for n in range(names):
        ticker = f"1000{n}0"
        close = (50_000 * np.exp(np.cumsum(rng.normal(0, 0.02, days)))).round().astype(int)
        frames[ticker] = pd.DataFrame(
            {"open": close, "high": close, "low": close, "close": close, "volume": 1000},
            index=times,
        )
        instruments[ticker] = Instrument(ticker=ticker, name=f"회사{n}")
    return Dataset.from_frames("remembered", frames, instruments.values())


DATA = history()
CLOSES = {
    (ticker, str(day)[:10]): int(close)
    for ticker, table in DATA.bars.items()
    for day, close in zip(table.times, table.close, strict=True)
}
DAYS = sorted({day for _, day in CLOSES})


class Memory:
    """A model that knows all closes up to a day, and otherwise guesses from the question."""

    def __init__(self, until: str, masked: Callable[[str], str] | None = None) -> None:
        self._until = until
        self._masked = masked
        self.asked = 0

    def ask(self, request: ChatRequest) -> Exchange:
        self.asked += 1
        return exchange_of(request, self.answer(request.messages[-1].content))

    def answer(self, text: str) -> str:
        coin = sum(text.encode()) % 2
        name, day = ASKED_NAME.search(text), ASKED_DAY.search(text)
        if name is None or day is None:
            said = self._masked(text) if self._masked else ("up", "down")[coin]
            return json.dumps({"answer": said})
        ticker, on = name.group(1), day.group(1)
        known = on <= self._until
        if "몇 원" in text:
            return json.dumps({"answer": CLOSES[ticker, on] if known else 50_000 + 997 * coin})
        if not known:
            return json.dumps({"answer": ("up", "down")[coin]})
        following = DAYS[DAYS.index(on) + 1]
        rose = CLOSES[ticker, following] > CLOSES[ticker, on]
        return json.dumps({"answer": "up" if rose else "down"})


def probed(client: Memory, count: int = 80) -> ProbeReport:
    return run_probe(DATA, client, model="m", count=count, cutoff=date(2023, 12, 31), workers=3)


def test_questions_are_balanced_spread_over_months_and_the_same_for_a_seed() -> None:
    questions = make_questions(DATA, 60, seed=4)
    kinds = Counter(q.kind for q in questions)
    assert kinds == {"direction": 60, "masked": 60, "close": kinds["close"]}
    assert kinds["close"] > 45
    assert Counter(q.truth for q in questions if q.kind == "direction") == {True: 30, False: 30}
    months = Counter(q.month for q in questions if q.kind == "direction")
    assert len(months) == 23 or len(months) == 24
    assert max(months.values()) - min(months.values()) <= 2
    assert make_questions(DATA, 60, seed=4) == questions
    assert make_questions(DATA, 60, seed=5) != questions


def test_truths_are_the_datasets_and_no_answer_fits_both_days_of_a_close() -> None:
    for question in make_questions(DATA, 60):
        on = str(question.day)
        if question.kind == "close":
            assert question.truth == CLOSES[question.ticker, on]
            assert abs(question.control / question.truth - 1) >= 0.03
        else:
            following = DAYS[DAYS.index(on) + 1]
            rose = CLOSES[question.ticker, following] > CLOSES[question.ticker, on]
            assert question.truth is rose


def test_named_questions_give_no_data_and_masked_ones_no_name_and_no_day() -> None:
    for question in make_questions(DATA, 40):
        text = question.messages[-1].content
        if question.kind == "masked":
            assert question.ticker not in text
            assert "회사" not in text
            assert str(question.day.year) not in text
            assert '"change_pct":' in text
        else:
            assert f"({question.ticker}, KOSPI)" in text
            assert str(question.day) in text
            assert "{" not in text.split("{" + '"answer"')[0]


def test_model_that_knows_everything_is_found_out_and_masking_stops_it() -> None:
    report = probed(Memory("9999"))
    assert report.verdict == "remembers"
    assert report.direction.right == report.direction.answered == 80
    assert report.closes.right == report.closes.answered
    assert report.closes.control == 0
    assert not report.masked_leaks
    assert report.masking[0] > 0.2
    assert report.horizon.open_end


def test_model_that_knows_until_a_month_is_dated() -> None:
    report = probed(Memory("2023-11-30"))
    assert report.verdict == "remembers_until"
    assert report.horizon.low is not None
    assert report.horizon.high is not None
    assert report.horizon.low <= "2023-11" <= report.horizon.high
    assert not report.horizon.open_end


def test_model_that_knows_nothing_is_not_accused() -> None:
    report = probed(Memory("0000"))
    assert report.verdict == "no_evidence"
    assert report.horizon.until is None
    assert 0.5 < report.detectable < 0.7


def test_model_that_knows_only_the_level_of_a_price_gains_nothing_by_it() -> None:
    class Level(Memory):
        def answer(self, text: str) -> str:
            name = ASKED_NAME.search(text)
            if name is None or "몇 원" not in text:
                return '{"answer": "up"}'
            closes = [CLOSES[name.group(1), day] for day in DAYS]
            return json.dumps({"answer": int(np.median(closes))})

    report = probed(Level(""), 200)
    assert report.direction.estimate == 0.5
    assert report.verdict == "no_evidence"
    assert report.closes.day.p > 0.05


def test_model_that_knows_some_closes_and_is_far_off_otherwise_is_found_out() -> None:
    class Patchy(Memory):
        def answer(self, text: str) -> str:
            if "몇 원" in text and sum(text.encode()) % 3:
                return '{"answer": 1}'
            return super().answer(text) if "몇 원" in text else '{"answer": "down"}'

    report = probed(Patchy("9999"))
    assert report.closes.day.right == report.closes.day.answered == report.closes.right
    assert 10 < report.closes.right < report.closes.answered / 2
    assert report.verdict == "remembers"


def test_masked_answers_better_than_chance_are_said_not_to_be_evidence() -> None:
    spoken = {
        question.messages[-1].content: "up" if question.truth else "down"
        for question in make_questions(DATA, 80)
        if question.kind == "masked"
    }
    report = probed(Memory("0000", masked=spoken.__getitem__))
    assert report.masked_leaks
    assert any("증거로 세지 마십시오" in text for text in verdict_lines(report, "ko"))
    assert any("Do not count" in text for text in verdict_lines(report, "en"))


def test_unusable_answers_are_counted_and_only_unusable_ones_are_an_error() -> None:
    class Mumbling(Memory):
        def answer(self, text: str) -> str:
            return "모릅니다" if "날짜" in text else super().answer(text)

    report = probed(Mumbling("0000"))
    assert report.unanswered == report.asked - report.masked.answered
    assert report.verdict == "too_few"

    class Mute(Memory):
        def answer(self, text: str) -> str:
            return ""

    with pytest.raises(DataError, match="no usable answer"):
        probed(Mute(""))


def test_a_server_that_does_not_answer_the_first_question_is_found_at_once() -> None:
    class Dead(Memory):
        def ask(self, request: ChatRequest) -> Exchange:
            self.asked += 1
            raise DeciderError("nobody there")

    dead = Dead("")
    with pytest.raises(DeciderError, match="nobody there"):
        probed(dead)
    assert dead.asked == 1


def test_later_silence_costs_single_answers_and_a_stop_ends_the_probe() -> None:
    class Flaky(Memory):
        def ask(self, request: ChatRequest) -> Exchange:
            answered = super().ask(request)
            if self.asked % 10 == 0:
                raise DeciderError("timeout")
            return answered

    assert 0 < probed(Flaky("9999")).unanswered < 60

    class Poor(Memory):
        def ask(self, request: ChatRequest) -> Exchange:
            if self.asked == 30:
                raise StopRun("budget spent")
            return super().ask(request)

    with pytest.raises(StopRun, match="budget"):
        probed(Poor("9999"))


def test_the_number_of_workers_changes_nothing() -> None:
    one = run_probe(DATA, Memory("2023-11-30"), model="m", count=40, workers=1)
    many = run_probe(DATA, Memory("2023-11-30"), model="m", count=40, workers=8)
    assert one == many


def test_progress_counts_to_the_number_of_questions() -> None:
    seen: list[int] = []
    report = run_probe(DATA, Memory(""), model="m", count=10, progress=seen.append)
    assert seen[-1] == report.asked
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("raw", "right"),
    [(71_500, True), (72_200.0, True), (72_300, False), (71_500.0, True)],
)
def test_a_close_counts_within_one_percent(raw: float, right: bool) -> None:
    question = next(q for q in make_questions(DATA, 10) if q.kind == "close")
    at = 71_500
    marked = mark(replace(question, truth=at, control=60_000), raw)
    assert marked.right is right
    assert not marked.other


@pytest.mark.parametrize("raw", [None, True, "71500", 0, -5, float("nan"), [1]])
def test_what_is_no_close_is_no_answer(raw: object) -> None:
    question = next(q for q in make_questions(DATA, 10) if q.kind == "close")
    assert mark(question, raw).answer is None


def test_minutes_and_snippets_cannot_be_asked_about() -> None:
    short = DATA.between(None, DATA.first_day + timedelta(days=1))
    with pytest.raises(DataError, match="too short"):
        make_questions(short, 10)
    minutes = replace(DATA, manifest=DATA.manifest.model_copy(update={"frequency": "1m"}))
    with pytest.raises(DataError, match="1m bars"):
        make_questions(minutes, 10)


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_words_name_the_period_the_verdict_and_both_cutoffs(lang: Literal["ko", "en"]) -> None:
    for until, verdict in (
        ("9999", {"ko": "기억합니다:", "en": "It remembers:"}),
        ("2023-11-30", {"ko": "까지 기억합니다", "en": "It remembers until"}),
        ("0000", {"ko": "증거가 없습니다", "en": "No evidence"}),
    ):
        report = probed(Memory(until))
        text = "\n".join(verdict_lines(report, lang))
        assert verdict[lang] in text
        assert "2023-12-31" in text
        assert str(DATA.first_day) in title(report, lang)
        table = rows(report, lang)
        assert len(table) == 3
        assert all(len(row) == len(COLUMNS[lang]) for row in table)
