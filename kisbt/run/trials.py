"""How much was tried on a dataset: the multiplicity that a good result must be judged against."""

import math
from collections.abc import Mapping
from typing import Any

import orjson

from kisbt.journal.database import DatabaseManager
from kisbt.report.contest import Trials
from kisbt.report.daily import SESSIONS_A_YEAR

_PARTS = ("first", "last")
"""Settings in which parts of one trial differ: windows. So do the seeds of a model."""


def trials_on(db: DatabaseManager, dataset_hash: str) -> Trials:
    """Distinct trials that the journal holds on this data, failed and interrupted ones included.

    The same strategy, prompt and settings over several windows or seeds, or made again, are one
    trial; its Sharpe ratio is the mean of those that finished, a day.
    """
    found: dict[bytes, list[float]] = {}
    for run in db.runs(dataset_hash=dataset_hash):
        sharpes = found.setdefault(_key(run.spec, run.prompt_hash), [])
        yearly = (run.metrics or {}).get("sharpe")
        if isinstance(yearly, int | float):
            sharpes.append(float(yearly) / math.sqrt(SESSIONS_A_YEAR))
    means = sorted(math.fsum(each) / len(each) for each in found.values() if each)
    return Trials(len(found), tuple(means))


def _key(spec: Mapping[str, Any], prompt_hash: str | None) -> bytes:
    kept = {name: value for name, value in spec.items() if name not in _PARTS}
    if kept.get("llm"):
        kept["llm"] = {**kept["llm"], "seed": None, "mask_seed": None}
    kept["prompt"] = prompt_hash
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
