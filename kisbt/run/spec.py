"""What a replay is asked to do: everything that decides its result, and nothing else."""

import hashlib
from datetime import date
from typing import Any, Literal

import orjson
from pydantic import Field

from kisbt.config import CostSettings, FillSettings, RiskLimits
from kisbt.domain.market import Frozen


class LLMSpec(Frozen):
    """What decides a model's answers, besides the model itself.

    ``mode`` says where answers come from: ``openai`` asks the server what the cache does not hold,
    ``replay`` never asks. It is no part of the hash, nor is the server's address: a replay of a
    recorded run is the same run. ``seed`` is the model's, ``mask_seed`` draws the names of blind
    mode. ``draws`` answers are taken a decision; with agreement below ``min_agreement`` nothing is
    done. ``charge_costs`` takes the model's cost off the equity line.
    """

    mode: Literal["openai", "replay"] = Field(default="replay", exclude=True)
    model: str = Field(min_length=1)
    temperature: float = Field(default=0.0, ge=0, le=2)
    seed: int | None = 0
    max_tokens: int | None = Field(default=None, ge=1)
    draws: int = Field(default=1, ge=1, le=99)
    min_agreement: float = Field(default=0.0, ge=0, le=1)
    blind: bool = True
    mask_seed: int = 0
    charge_costs: bool = False


class RunSpec(Frozen):
    """One replay. The same spec on the same data gives the same result, byte for byte.

    ``strategy`` is the file, relative to the project root where it lies inside. ``prompt`` is
    the version number of an operating-graph strategy, ``None`` for an ordinary one. ``cash`` is
    won. ``benchmark`` is ``index``, ``equal`` or a ticker; ``None`` takes the dataset's index if
    it has one, else ``equal``. ``tickers`` empty means all names of the dataset. ``without``
    names rules of the version that are left out (see ``kisbt.run.prepare``). ``llm`` of ``None``
    is the rulebook.
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
    without: tuple[str, ...] = ()
    llm: LLMSpec | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values, for the run card and the journal."""
        return self.model_dump(mode="json")

    @property
    def hash(self) -> str:
        """``sha256:`` of the canonical JSON of all settings."""
        body = orjson.dumps(self.as_json(), option=orjson.OPT_SORT_KEYS)
        return "sha256:" + hashlib.sha256(body).hexdigest()
