"""``run_backtest``: one replay with its journal, its zero-cost twin, its audit and its result."""

import threading
from dataclasses import replace
from typing import Any

from kisbt.adapter.analyzers import Observe
from kisbt.audit.legality import audit_fills
from kisbt.config import Settings
from kisbt.domain.ports import Journal
from kisbt.domain.result import RunResult
from kisbt.errors import JournalError, StopRun
from kisbt.journal.database import DatabaseManager
from kisbt.journal.digest import DigestJournal
from kisbt.journal.memory import NullJournal
from kisbt.journal.runs import PromptRecord, RunInfo
from kisbt.journal.script import ScriptJournal
from kisbt.journal.writer import RunJournal
from kisbt.krx.costs import CostModel
from kisbt.llm.meter import Meter
from kisbt.llm.rulebook_decider import RulebookDecider
from kisbt.run.benchmark import benchmark_line
from kisbt.run.conversation import Conversation, charged, decider_label
from kisbt.run.prepare import Prepared, relative_name
from kisbt.run.recorder import Progress
from kisbt.run.replay import Brain, Replayed, replay
from kisbt.run.wording import assumptions, notes

NO_DECIDER = "전략 파일 (LLM 없음)"


def run_backtest(
    ready: Prepared,
    settings: Settings,
    db: DatabaseManager | None = None,
    *,
    progress: Progress | None = None,
    meter: Meter | None = None,
    stop: threading.Event | None = None,
) -> RunResult:
    """Replay what was prepared and return its result; with ``db`` everything is journaled.

    Args:
        ready: What to replay.
        settings: Where datasets and prompts lie.
        db: The journal; without one (a verification) nothing is written anywhere.
        progress: Told of bars done, the zero-cost twin's included: twice the tape in all.
        meter: The command's count of what its models cost, with the budget.
        stop: Set from another thread to end a run that asks a model.

    Raises:
        StopRun: the budget is spent or a reply is missing; the run is journaled as interrupted.
        TradingSystemError: the strategy raised, or the journal could not be written.
    """
    if db is None:
        return compute(ready, settings, NullJournal(), progress, meter=meter, stop=stop)
    trials = db.trials_on(ready.dataset.hash)
    run_id = db.begin_run(run_info(ready, settings))
    journal = RunJournal(db, run_id)
    try:
        result = compute(ready, settings, journal, progress, meter=meter, label=run_id, stop=stop)
        journal.close()
    except BaseException as error:
        if not isinstance(error, JournalError):
            journal.flush()  # what happened up to here is worth reading
        stopped = isinstance(error, KeyboardInterrupt | StopRun)
        db.finish_run(run_id, "interrupted" if stopped else "failed")
        raise
    return replace(result, run_id=run_id, trials_before=trials)


def compute(
    ready: Prepared,
    settings: Settings,
    inner: Journal,
    progress: Progress | None = None,
    *,
    meter: Meter | None = None,
    label: str = "verify",
    stop: threading.Event | None = None,
) -> RunResult:
    """The result of one replay, a pure function of what was prepared; ``inner`` is told all of it.

    The result's ``run_id`` is ``"verify"``: a run that is in a journal has its own.

    Raises:
        TradingSystemError: the strategy raised, or ``inner`` could not be written.
    """
    spec = ready.spec
    line, line_label = benchmark_line(ready.tape, spec.benchmark)
    digests = DigestJournal(inner)
    talk = None
    if spec.llm is not None:
        talk = Conversation(ready, settings, digests, meter or Meter(), label, stop)
    told = None
    if ready.version is None and isinstance(inner, RunJournal | ScriptJournal):
        told = inner.observe
    costs = CostModel.from_settings(spec.costs)
    net = _pass(ready, ready.brain(talk), costs, digests, progress, told)
    bars = len(ready.tape)
    later = None if progress is None else lambda done: progress(bars + done)
    twin = ready.brain(talk.twin() if talk else None)
    gross = _pass(ready, twin, CostModel.free(), NullJournal(), later)
    violations = audit_fills(
        net.fills,
        ready.dataset.bars,
        ready.dataset.instruments,
        start_cash=spec.cash,
        participation=spec.fills.participation,
        rates=(spec.costs.commission_rate, spec.costs.etf_commission_rate, spec.costs.tax),
        changes=net.changes,
    )
    facts = talk.facts() if talk else None
    equity = net.equity
    if talk and facts and spec.llm and spec.llm.charge_costs:
        facts["bill"] = talk.bill(equity)
        equity = charged(equity, facts["bill"])
    return RunResult(
        run_id="verify",
        spec={**spec.as_json(), "prompt": ready.version.number if ready.version else None},
        dataset=_dataset_facts(ready),
        decider=talk.label if talk else _decider(ready),
        prompt=_prompt_facts(ready),
        strategy={
            "name": ready.strategy.cls.__name__,
            "file": relative_name(ready.strategy.path, settings),
            "hash": ready.strategy.hash,
        },
        start_cash=spec.cash,
        equity=equity,
        warmup_bars=min(max(ready.warmup, net.waiting), len(net.equity)),
        gross_equity=[point.equity for point in gross.equity],
        fills=net.fills,
        events=net.events,
        commission=net.commission,
        tax=net.tax,
        ticks=net.ticks,
        holds=net.holds,
        decisions=net.decisions,
        rejected=net.rejected,
        benchmark=line,
        benchmark_label=line_label,
        risk=net.risk,
        assumptions=assumptions(ready),
        actions=net.changes,
        skipped_features=ready.skipped,
        violations=[f"fill {v.fill_number}: {v.rule}: {v.detail}" for v in violations],
        notes=notes(net, settings.lang),
        digests=digests.digests(),
        reasons=net.reasons,
        llm=facts,
    )


def _pass(
    ready: Prepared,
    brain: Brain | None,
    costs: CostModel,
    journal: Journal,
    progress: Progress | None,
    observe: Observe | None = None,
) -> Replayed:
    spec = ready.spec
    return replay(
        ready.strategy,
        ready.tape,
        brain,
        cash=spec.cash,
        limits=spec.limits,
        costs=costs,
        fills=spec.fills,
        journal=journal,
        progress=progress,
        observe=observe,
    )


def run_info(ready: Prepared, settings: Settings) -> RunInfo:
    """What the journal is told of a run before it begins."""
    version = ready.version
    return RunInfo(
        mode="backtest",
        strategy=relative_name(ready.strategy.path, settings),
        decider=_decider(ready),
        dataset_name=ready.dataset.name,
        dataset_hash=ready.dataset.hash,
        config_hash=ready.spec.hash,
        prompt=None
        if version is None
        else PromptRecord(
            number=version.number,
            hash=version.hash,
            text=version.text,
            summary=version.summary,
            rules=version.rules,
        ),
        spec=ready.spec.as_json(),
    )


def _decider(ready: Prepared) -> str:
    if ready.spec.llm is not None:
        return decider_label(ready.spec.llm)
    return RulebookDecider.label if ready.version else NO_DECIDER


def _dataset_facts(ready: Prepared) -> dict[str, Any]:
    manifest = ready.dataset.manifest
    return {
        "name": ready.dataset.name,
        "hash": ready.dataset.hash,
        "source": manifest.source,
        "synthetic": manifest.synthetic,
        "adjusted": manifest.adjusted,
        "frequency": manifest.frequency,
        "names": {i.ticker: i.name for i in ready.tape.instruments},
        "first": ready.tape.sessions[0].isoformat(),
        "last": ready.tape.sessions[-1].isoformat(),
    }


def _prompt_facts(ready: Prepared) -> dict[str, Any] | None:
    version = ready.version
    if version is None:
        return None
    return {"number": version.number, "hash": version.hash, "summary": version.summary}
