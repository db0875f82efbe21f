"""How much of a period a model remembers, and whether a backtest on it can be believed."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Literal, NamedTuple

from kisbt.data.dataset import Dataset
from kisbt.errors import DataError, DeciderError
from kisbt.llm.decider import Asker
from kisbt.llm.exchange import ChatRequest
from kisbt.llm.plan_schema import PlanError, read_object
from kisbt.llm.probe_questions import TOLERANCE, Question, make_questions
from kisbt.llm.recall import Horizon, Share, advantage, detectable, find_horizon, share

Verdict = Literal["too_few", "no_evidence", "remembers", "remembers_until"]

LEVEL = 0.05

FEWEST = 20
"""With fewer answers of a kind nothing is concluded from it."""


class Outcome(NamedTuple):
    """One question's answer: ``None`` for none. ``right`` and ``other`` are about its two days.

    For a direction ``right`` is whether it was right and ``other`` is false. For a close they
    are whether the answer fits the day asked about, and the control day.
    """

    question: Question
    answer: bool | int | None
    right: bool = False
    other: bool = False


class Closes(NamedTuple):
    """Closes named to within ``TOLERANCE``: of the day asked about, and of the control day.

    ``day`` is a share against a coin over the answers that fit exactly one of the two.
    """

    answered: int
    right: int
    control: int
    day: Share


class Month(NamedTuple):
    """Named directions and decided closes of one month: answered, and right."""

    month: str
    answered: int
    right: int


class ProbeReport(NamedTuple):
    """What the probe found.

    ``masking`` is how much oftener named directions were right than masked ones (low, estimate,
    high). ``detectable`` is the accuracy that this many questions would have found with 80 %
    power. ``masked_leaks`` says that masked directions were right oftener than by chance: either
    the model recognises the days behind the numbers, or the numbers themselves foretell.
    """

    model: str
    data: str
    synthetic: bool
    first: date
    last: date
    seed: int
    asked: int
    unanswered: int
    direction: Share
    closes: Closes
    masked: Share
    masking: tuple[float, float, float]
    months: tuple[Month, ...]
    horizon: Horizon
    cutoff: date | None
    detectable: float
    verdict: Verdict
    masked_leaks: bool


def run_probe(
    dataset: Dataset,
    client: Asker,
    *,
    model: str,
    count: int = 100,
    seed: int = 0,
    cutoff: date | None = None,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> ProbeReport:
    """Ask all questions and judge the answers.

    The first question is asked alone, so that a server that cannot be reached is found at once.
    Answers come through ``client`` and its cache: the same command goes on where it stopped.

    Args:
        dataset: Daily bars of the period in question.
        client: Answers requests.
        model: Its name, for the report.
        count: Questions of each kind: named directions, named closes, masked directions.
        seed: Draws the questions.
        cutoff: The model's declared cutoff, for the report.
        workers: Questions in flight.
        progress: Told how many are answered.

    Raises:
        DataError: there is nothing to ask about.
        DeciderError: the first question got no answer.
        StopRun: the budget is spent, or a replay misses a reply.
    """
    questions = make_questions(dataset, count, seed)
    outcomes = [_answer(client, questions[0], first=True)]
    with ThreadPoolExecutor(max(1, workers)) as pool:
        pending = [pool.submit(_answer, client, question) for question in questions[1:]]
        try:
            for done, future in enumerate(pending, start=2):
                outcomes.append(future.result())
                if progress is not None:
                    progress(done)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return judge_answers(outcomes, model=model, dataset=dataset, seed=seed, cutoff=cutoff)


def _answer(client: Asker, question: Question, *, first: bool = False) -> Outcome:
    try:
        exchange = client.ask(ChatRequest(question.messages, question.schema))
    except DeciderError:
        if first:
            raise
        return Outcome(question, None)
    try:
        raw = read_object(exchange.reply or "", "answer", prose=True).get("answer")
    except PlanError:
        return Outcome(question, None)
    return mark(question, raw)


def mark(question: Question, raw: object) -> Outcome:
    """Mark one raw answer: a direction in words, or a close in won."""
    if question.kind == "close":
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not raw > 0:
            return Outcome(question, None)
        close = round(min(raw, 1e12))
        fits = [abs(close / won - 1) <= TOLERANCE for won in (question.truth, question.control)]
        return Outcome(question, close, *fits)
    word = raw.strip().lower() if isinstance(raw, str) else None
    if word not in ("up", "down"):
        return Outcome(question, None)
    rose = word == "up"
    return Outcome(question, rose, rose == question.truth)


def judge_answers(
    outcomes: Sequence[Outcome],
    *,
    model: str,
    dataset: Dataset,
    seed: int = 0,
    cutoff: date | None = None,
) -> ProbeReport:
    """Turn marked answers into the report.

    Raises:
        DataError: there is no answer at all.
    """
    given = [outcome for outcome in outcomes if outcome.answer is not None]
    if not given:
        raise DataError(
            f"{model} gave no usable answer to {len(outcomes)} questions",
            hint="the model cannot follow the format; nothing can be said about its memory",
        )
    named = [o for o in given if o.question.kind == "direction"]
    masked = [o for o in given if o.question.kind == "masked"]
    closes = [o for o in given if o.question.kind == "close"]
    decided = [o for o in closes if o.right != o.other]
    direction, blind = _share(named), _share(masked)
    day = _share(decided)
    coins = [*named, *decided]
    horizon = find_horizon(
        [o.question.month for o in coins],
        [o.question.kind for o in coins],
        [o.right for o in coins],
        level=LEVEL / 3,
        seed=seed,
    )
    return ProbeReport(
        model=model,
        data=dataset.name,
        synthetic=dataset.manifest.synthetic,
        first=dataset.first_day,
        last=dataset.last_day,
        seed=seed,
        asked=len(outcomes),
        unanswered=len(outcomes) - len(given),
        direction=direction,
        closes=Closes(len(closes), sum(o.right for o in closes), sum(o.other for o in closes), day),
        masked=blind,
        masking=advantage(_paired(named, masked)),
        months=_months(coins),
        horizon=horizon,
        cutoff=cutoff,
        detectable=detectable(direction.answered),
        verdict=_verdict(direction, day, len(closes), horizon),
        masked_leaks=blind.answered >= FEWEST and blind.p <= LEVEL,
    )


def _share(outcomes: Sequence[Outcome]) -> Share:
    return share(sum(outcome.right for outcome in outcomes), len(outcomes))


def _paired(named: Sequence[Outcome], masked: Sequence[Outcome]) -> list[tuple[bool, bool]]:
    blind: Mapping[int, bool] = {o.question.pair: o.right for o in masked}
    return [(o.right, blind[o.question.pair]) for o in named if o.question.pair in blind]


def _months(coins: Sequence[Outcome]) -> tuple[Month, ...]:
    found: dict[str, list[bool]] = {}
    for outcome in coins:
        found.setdefault(outcome.question.month, []).append(outcome.right)
    return tuple(Month(month, len(found[month]), sum(found[month])) for month in sorted(found))


def _verdict(direction: Share, day: Share, closes: int, horizon: Horizon) -> Verdict:
    """Three looks at one memory, so each at a third of the level."""
    if direction.answered < FEWEST and closes < FEWEST:
        return "too_few"
    if min(direction.p, day.p) > LEVEL / 3 and horizon.until is None:
        return "no_evidence"
    return "remembers" if horizon.until is None or horizon.open_end else "remembers_until"
