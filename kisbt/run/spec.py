"""What a replay is asked to do: everything that decides its result, and nothing else."""

import hashlib
from datetime import date
from typing import Any

import orjson
from pydantic import Field

from kisbt.config import CostSettings, FillSettings, RiskLimits
from kisbt.domain.market import Frozen


class RunSpec(Frozen):
    """One replay. The same spec on the same data gives the same result, byte for byte.

    ``strategy`` is the file, relative to the project root where it lies inside. ``prompt`` is
    the version number of an operating-graph strategy, ``None`` for an ordinary one. ``cash`` is
    won. ``benchmark`` is ``index``, ``equal`` or a ticker; ``None`` takes the dataset's index if
    it has one, else ``equal``. ``tickers`` empty means all names of the dataset.
    """

    strategy: str
    data: str
    tickers: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    prompt: int | None = None
    cash: int = Field(gt=0)
    benchmark: str | None = None
    limits: RiskLimits = RiskLimits()
    costs: CostSettings = CostSettings()
    fills: FillSettings = FillSettings()

    def as_json(self) -> dict[str, Any]:
        """Plain values, for the run card and the journal."""
        return self.model_dump(mode="json")

    @property
    def hash(self) -> str:
        """``sha256:`` of the canonical JSON of all settings."""
        body = orjson.dumps(self.as_json(), option=orjson.OPT_SORT_KEYS)
        return "sha256:" + hashlib.sha256(body).hexdigest()
