"""A prompt version and its policy: what the decider reads, as frozen values."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Literal, Protocol

from pydantic import Field

from kisbt.domain.market import Frozen
from kisbt.domain.rules import Condition, Rule

MAX_RULES = 12
"""Most dynamic rules (동적 규칙) a version may carry; more dilute an LLM's attention."""

FEATURE_NAME = r"^[a-z][a-z0-9_]*$"

MARKET_FEATURES = ("breadth", "market_mood")
"""Features with one value for the whole market; only they may stand in ``Policy.market``."""

Author = Literal["human", "reflection"]


class FeatureInfo(Protocol):
    """What the rulebook needs to know of a catalogued feature."""

    @property
    def history(self) -> bool:
        """Whether past values exist, so that a replay can use it."""
        ...


class Policy(Frozen):
    """Thresholds of the rulebook, rendered into the prompt as its entry and exit conditions.

    A name is bought when the market gate is open, all ``entry`` conditions hold and no ``avoid``
    condition does; the best ``max_new_per_day`` by ``rank_by`` are taken. A holding is sold when
    any of ``exits`` holds or any of the four limits below is reached.

    ``market`` conditions use market-wide features (``breadth``, ``market_mood``), all must hold.
    ``target_weight`` is a fraction of equity. ``*_pct`` are percent, positive: ``stop_loss_pct``
    and ``take_profit_pct`` of the average cost, ``trailing_stop_pct`` of the highest close seen
    since the purchase. ``max_holding_days`` counts sessions. ``limit_offset_pct`` places a limit
    buy at the close plus that percentage; exits are always market orders.
    """

    market: tuple[Condition, ...] = ()
    entry: tuple[Condition, ...] = Field(min_length=1)
    avoid: tuple[Condition, ...] = ()
    exits: tuple[Condition, ...] = ()
    rank_by: str
    rank_order: Literal["high", "low"] = "high"
    max_new_per_day: int = Field(ge=1, le=20)
    target_weight: float = Field(gt=0, le=1)
    stop_loss_pct: float | None = Field(default=None, gt=0, lt=100)
    take_profit_pct: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    trailing_stop_pct: float | None = Field(default=None, gt=0, lt=100)
    max_holding_days: int | None = Field(default=None, ge=1)
    order: Literal["market", "limit"] = "market"
    limit_offset_pct: float = Field(default=0.0, ge=-30, le=30)

    def conditions(self) -> Iterator[Condition]:
        """Every condition, in the order of the fields."""
        yield from self.market
        yield from self.entry
        yield from self.avoid
        yield from self.exits


class PromptVersion(Frozen):
    """One immutable version of the prompt.

    ``text`` is what an LLM reads: Korean, generated sections included, without front matter.
    ``created`` is naive KST. ``evidence`` are ids of reflections, experiments or runs.
    ``hash`` is ``"sha256:..."`` over the whole file as UTF-8 with LF line ends.
    """

    number: int = Field(ge=1, le=9999)
    parent: int | None = Field(default=None, ge=1, le=9999)
    created: datetime
    author: Author
    summary: str = Field(min_length=1)
    features: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    policy: Policy
    rules: tuple[Rule, ...] = Field(default=(), max_length=MAX_RULES)
    text: str
    hash: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")


def features_used(policy: Policy, rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """Names of the features that the policy and the rules test, sorted, each once."""
    names = {condition.feature for condition in policy.conditions()} | {policy.rank_by}
    names |= {condition.feature for rule in rules for condition in rule.when}
    return tuple(sorted(names))


def content_hash(file_text: str) -> str:
    """``"sha256:..."`` of a version file's text; line ends and a byte-order mark do not count."""
    normal = file_text.removeprefix("\ufeff").replace("\r\n", "\n")
    return f"sha256:{hashlib.sha256(normal.encode()).hexdigest()}"
