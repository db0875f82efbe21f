"""What a comparison replays: every version in every window, with every seed, and without a rule."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from kisbt.config import Settings
from kisbt.errors import ConfigError
from kisbt.run.prepare import Prepared, prepare

SHORTEST_FOLD = 20
"""Sessions; a window below this tells nothing."""


class Variant(NamedTuple):
    """One replay's place: version, seed and window by index; ``rule`` is the one left out."""

    version: int
    seed: int
    fold: int
    rule: str | None
    ready: Prepared


def variants(
    versions: Sequence[Prepared],
    settings: Settings,
    *,
    seeds: int = 1,
    folds: int = 1,
    leave_one_out: bool = False,
) -> list[Variant]:
    """All replays, prepared: version by version, the whole ones before those without a rule.

    Seed ``n`` adds ``n`` to the model's seed and to that of the masked names.

    Raises:
        ConfigError: windows shorter than ``SHORTEST_FOLD`` sessions.
    """
    found = []
    for number, whole in enumerate(versions):
        rules: list[str | None] = [None]
        if leave_one_out:
            rules += [rule.id for rule in whole.rules]
        for rule in rules:
            for seed in range(seeds):
                for fold, window in enumerate(windows(whole, folds)):
                    ready = _changed(whole, settings, seed, window, rule)
                    found.append(Variant(number, seed, fold, rule, ready))
    return found


def windows(whole: Prepared, folds: int) -> list[tuple[date | None, date | None]]:
    """First and last day of consecutive windows of as equal length as can be.

    Raises:
        ConfigError: they would be shorter than ``SHORTEST_FOLD`` sessions.
    """
    if folds == 1:
        return [(whole.spec.first, whole.spec.last)]
    sessions = sorted(set(whole.tape.sessions))
    if len(sessions) < folds * SHORTEST_FOLD:
        raise ConfigError(
            f"{len(sessions)} sessions make no {folds} windows",
            hint=f"a window needs {SHORTEST_FOLD} sessions: use fewer --folds",
        )
    parts = np.array_split(np.arange(len(sessions)), folds)
    return [(sessions[int(part[0])], sessions[int(part[-1])]) for part in parts]


def _changed(
    whole: Prepared,
    settings: Settings,
    seed: int,
    window: tuple[date | None, date | None],
    rule: str | None,
) -> Prepared:
    spec = whole.spec
    llm = spec.llm
    if llm is not None and seed:
        moved = None if llm.seed is None else llm.seed + seed
        llm = llm.model_copy(update={"seed": moved, "mask_seed": llm.mask_seed + seed})
    changed = spec.model_copy(
        update={
            "first": window[0],
            "last": window[1],
            "llm": llm,
            "without": (rule,) if rule is not None else (),
        }
    )
    return whole if changed == spec else prepare(changed, settings, whole)
