"""Versions that were replayed before over the same bars under the same settings.

They are tested together with the versions of a comparison: whoever tries twenty and shows the
best two has tried twenty.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from kisbt.journal.database import DatabaseManager
from kisbt.journal.schema import equity
from kisbt.report.contest import Contest
from kisbt.run.prepare import Prepared

FloatArray = npt.NDArray[np.float64]


def earlier_versions(db: DatabaseManager, first: Prepared, contest: Contest) -> FloatArray:
    """Daily returns of other prompt versions on the contest's days, [days, versions].

    Finished runs of the journal count whose data, strategy, period and settings are those of
    ``first``; several of one version (other seeds, or made again) are averaged. A comparison
    over windows, or with the model's bill taken off, has no such runs.
    """
    nothing = np.empty((len(contest.days), 0))
    charges = first.spec.llm is not None and first.spec.llm.charge_costs
    if not contest.common or contest.folds > 1 or charges:
        return nothing
    shown = {(run.prompt or {}).get("hash") for entry in contest.entries for run in entry.flat}
    wanted = _settings(first.spec.as_json())
    found: dict[str, list[FloatArray]] = {}
    for run in db.runs(dataset_hash=first.dataset.hash, status="finished"):
        known = run.prompt_hash
        if known is None or known in shown or _settings(run.spec) != wanted:
            continue
        if run.spec.get("without"):
            continue
        stream = _stream(db, run.run_id, contest)
        if stream is not None:
            found.setdefault(known, []).append(stream)
    if not found:
        return nothing
    return np.stack([np.mean(found[name], axis=0) for name in sorted(found)], axis=1)


def _settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in spec.items() if name not in ("prompt", "without")}
    if kept.get("llm"):
        kept["llm"] = {**kept["llm"], "seed": None, "mask_seed": None}
    return kept


def _stream(db: DatabaseManager, run_id: str, contest: Contest) -> FloatArray | None:
    query = (
        select(equity.c.at, equity.c.equity).where(equity.c.run_id == run_id).order_by(equity.c.at)
    )
    with db.reading() as connection:
        closes = {at[:10]: float(value) for at, value in connection.execute(query)}
    days, levels = list(closes), list(closes.values())
    before = dict(zip(days[1:], levels, strict=False))
    if days:
        before[days[0]] = float(contest.first.start_cash)
    wanted = [day.isoformat() for day in contest.days]
    if any(day not in closes for day in wanted):
        return None
    return np.array([closes[day] / before[day] - 1.0 for day in wanted], dtype=np.float64)
