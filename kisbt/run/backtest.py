"""``run_backtest``: one replay with its journal, its zero-cost twin, its audit and its result."""

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
from kisbt.llm.rulebook_decider import RulebookDecider
from kisbt.run.benchmark import benchmark_line
from kisbt.run.prepare import Prepared, relative_name
from kisbt.run.recorder import Progress
from kisbt.run.replay import Replayed, replay
from kisbt.run.wording import assumptions, notes

NO_DECIDER = "전략 파일 (LLM 없음)"


def run_backtest(
    ready: Prepared,
    settings: Settings,
    db: DatabaseManager | None = None,
    *,
    progress: Progress | None = None,
) -> RunResult:
    """Replay what was prepared and return its result; with ``db`` everything is journaled.

    Args:
        ready: What to replay.
        settings: Where datasets and prompts lie.
        db: The journal; without one (a verification) nothing is written anywhere.
        progress: Told of bars done, the zero-cost twin's included: twice the tape in all.

    Raises:
        TradingSystemError: the strategy raised, or the journal could not be written.
    """
    if db is None:
        return compute(ready, settings, NullJournal(), progress)
    trials = db.trials_on(ready.dataset.hash)
    run_id = db.begin_run(run_info(ready, settings))
    journal = RunJournal(db, run_id)
    try:
        result = compute(ready, settings, journal, progress)
        journal.close()
    except BaseException as error:
        if not isinstance(error, JournalError):
            journal.flush()  # what happened up to here is worth reading
        stopped = isinstance(error, KeyboardInterrupt | StopRun)
        db.finish_run(run_id, "interrupted" if stopped else "failed")
        raise
    return replace(result, run_id=run_id, trials_before=trials)


def compute(
    ready: Prepared, settings: Settings, inner: Journal, progress: Progress | None = None
) -> RunResult:
    """The result of one replay, a pure function of what was prepared; ``inner`` is told all of it.

    The result's ``run_id`` is ``"verify"``: a run that is in a journal has its own.

    Raises:
        TradingSystemError: the strategy raised, or ``inner`` could not be written.
    """
    spec = ready.spec
    line, label = benchmark_line(ready.tape, spec.benchmark)
    digests = DigestJournal(inner)
    told = None
    if ready.version is None and isinstance(inner, RunJournal | ScriptJournal):
        told = inner.observe
    net = _pass(ready, CostModel.from_settings(spec.costs), digests, progress, told)
    bars = len(ready.tape)
    later = None if progress is None else lambda done: progress(bars + done)
    gross = _pass(ready, CostModel.free(), NullJournal(), later)
    violations = audit_fills(
        net.fills,
        ready.dataset.bars,
        ready.dataset.instruments,
        start_cash=spec.cash,
        participation=spec.fills.participation,
        rates=(spec.costs.commission_rate, spec.costs.etf_commission_rate, spec.costs.tax),
        changes=net.changes,
    )
    return RunResult(
        run_id="verify",
        spec={**spec.as_json(), "prompt": ready.version.number if ready.version else None},
        dataset=_dataset_facts(ready),
        decider=RulebookDecider.label if ready.version else NO_DECIDER,
        prompt=_prompt_facts(ready),
        strategy={
            "name": ready.strategy.cls.__name__,
            "file": relative_name(ready.strategy.path, settings),
            "hash": ready.strategy.hash,
        },
        start_cash=spec.cash,
        equity=net.equity,
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
        benchmark_label=label,
        risk=net.risk,
        assumptions=assumptions(ready),
        actions=net.changes,
        skipped_features=ready.skipped,
        violations=[f"fill {v.fill_number}: {v.rule}: {v.detail}" for v in violations],
        notes=notes(net, settings.lang),
        digests=digests.digests(),
        reasons=net.reasons,
    )


def _pass(
    ready: Prepared,
    costs: CostModel,
    journal: Journal,
    progress: Progress | None,
    observe: Observe | None = None,
) -> Replayed:
    spec = ready.spec
    return replay(
        ready.strategy,
        ready.tape,
        ready.brain(),
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
        decider=RulebookDecider.label if version else NO_DECIDER,
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
