"""M4: candidates become sealed versions; what the gate passes may move the pointer.

A candidate differs from the champion in the generated rules and in nothing else: the store holds
reflection to that. Everything happens under one lock, so two reflections at once take turns, and
the pointer moves only if the champion is still the one that was reflected on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout

from kisbt.errors import PromptError
from kisbt.journal.reflections import Reflections
from kisbt.reflection_graph.korean import change_text
from kisbt.reflection_graph.proposals import Proposal
from kisbt.reflection_graph.state import Candidate, ReflectionState, Ruling, Workbench
from kisbt.reflection_graph.working import At, bench_of
from kisbt.rulebook.draft import Draft
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import PromptVersion
from kisbt.rulebook.version_control import commit

LOCK_SECONDS = 600.0

UNTESTED = "untested"
"""The ruling on a candidate that the gate refused to test."""


def update_system_logic(state: ReflectionState, runtime: At) -> ReflectionState:
    """Write the candidates, have them tried, promote at most one, and remember all of it."""
    bench = bench_of(runtime)
    tried = [one for one in state["accepted"] if one["tried"]]
    if bench.options.dry_run:
        update = {"candidates": [_told(one, None, None) for one in tried],
                  "promoted": None, "waiting": None, "outcome": "dry_run"}  # fmt: skip
        return {"update": update}
    with reflecting(bench.prompts, LOCK_SECONDS):
        candidates = [Candidate(_sealed(one, bench), one) for one in tried]
        _remember(state, bench, candidates, [], None)
        rulings: list[Ruling] = []
        if bench.trial is not None and candidates:
            bench.tell("trial")
            rulings = bench.trial.run(bench.reflection, bench.champion, candidates)
        update = _promote(bench, candidates, rulings)
        _remember(state, bench, candidates, rulings, update)
    return {"update": update}


@contextmanager
def reflecting(prompts: PromptStore, wait: float) -> Iterator[None]:
    """Be the only reflection that writes versions of these prompts.

    Raises:
        PromptError: another one does for longer than ``wait`` seconds.
    """
    prompts.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(prompts.folder / ".reflect.lock")
    try:
        with lock.acquire(timeout=wait):
            yield
    except Timeout as error:
        raise PromptError(
            f"another reflection is at work on {prompts.folder}", hint="wait until it is done"
        ) from error


def _sealed(proposal: dict[str, Any], bench: Workbench) -> PromptVersion:
    """The proposal's version: the one sealed before, when this is a second attempt."""
    rules = Proposal.from_json(proposal).apply(bench.champion.rules)
    for version in bench.prompts.versions():
        if (
            bench.reflection in version.evidence
            and version.parent == bench.champion.number
            and version.rules == rules
        ):
            return version
    evidence = tuple(one for one in (bench.reflection, proposal["insight"]) if one)
    draft = Draft.of_rules(
        bench.champion, rules, summary=change_text(proposal)[:300], evidence=evidence
    )
    version = bench.prompts.add(draft)
    if bench.options.commit:
        commit(bench.prompts.folder, f"Add prompt version {version.number} ({bench.reflection})")
    return version


def _promote(
    bench: Workbench, candidates: list[Candidate], rulings: list[Ruling]
) -> dict[str, Any]:
    """Move the pointer to the first candidate that the gate passed, or say why not."""
    by_number = {ruling.version: ruling for ruling in rulings}
    told = {
        "candidates": [
            _told(c.proposal, c.version, by_number.get(c.version.number)) for c in candidates
        ],
        "promoted": None,
        "waiting": None,
    }
    passed = [ruling for ruling in rulings if ruling.passed]
    if not candidates:
        return {**told, "outcome": "nothing_to_try"}
    if all(ruling.verdict == UNTESTED for ruling in rulings):
        return {**told, "outcome": "not_tried"}
    if not passed:
        return {**told, "outcome": "kept"}
    number = passed[0].version
    current = bench.prompts.current_number()
    if current == number:
        return {**told, "promoted": number, "outcome": "promoted"}
    if current != bench.champion.number:
        return {**told, "outcome": "champion_changed"}
    if bench.options.require_approval:
        return {**told, "waiting": number, "outcome": "waiting"}
    promote(bench.prompts, number, bench.reflection, commit_it=bench.options.commit)
    return {**told, "promoted": number, "outcome": "promoted"}


def promote(prompts: PromptStore, number: int, reflection: str, *, commit_it: bool = False) -> None:
    """Move the pointer; the store backs the text up and writes the change log."""
    prompts.rollback(number, reason=f"심사 통과 ({reflection})")
    if commit_it:
        commit(prompts.folder, f"Promote prompt version {number} ({reflection})")


def _told(
    proposal: dict[str, Any], version: PromptVersion | None, ruling: Ruling | None
) -> dict[str, Any]:
    return {
        "proposal": proposal,
        "version": None if version is None else version.number,
        "hash": None if version is None else version.hash,
        "ruling": None if ruling is None else ruling._asdict(),
    }


def _remember(
    state: ReflectionState,
    bench: Workbench,
    candidates: list[Candidate],
    rulings: list[Ruling],
    update: dict[str, Any] | None,
) -> None:
    told = update or _promote_nothing(candidates)
    chosen = told["promoted"] or told["waiting"]
    kept = Reflections(bench.db)
    if all(ruling.verdict == UNTESTED for ruling in rulings) and _was_tested(kept, bench):
        return  # a second attempt that may not test must not hide what the first one found
    hashes = {c.version.number: c.version.hash for c in candidates}
    first = candidates[0].version.hash if candidates else None
    kept.save(
        bench.reflection,
        source_runs=[source.run_id for source in bench.material.sources],
        parent_hash=bench.champion.hash,
        candidate_hash=hashes.get(chosen, first),
        insights=state["analysis"]["insights"],
        report={
            "champion": bench.champion.number,
            "performance": state["performance"]["overall"],
            "accepted": state["accepted"],
            "refused": state["refused"],
            **told,
        },
    )


def _was_tested(kept: Reflections, bench: Workbench) -> bool:
    before = kept.find(bench.reflection)
    told = before.report.get("candidates", ()) if before else ()
    return any((one["ruling"] or {}).get("verdict", UNTESTED) != UNTESTED for one in told)


def _promote_nothing(candidates: list[Candidate]) -> dict[str, Any]:
    return {
        "candidates": [_told(c.proposal, c.version, None) for c in candidates],
        "promoted": None,
        "waiting": None,
        "outcome": "written",
    }
