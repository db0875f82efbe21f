"""What the gate says: a verdict, a tier, and the numbers behind them."""

from enum import StrEnum

from pydantic import Field

from kisbt.domain.market import Frozen


class Tier(StrEnum):
    """How much is known about a version, and so what it may do."""

    E0 = "E0"
    """An idea, or only days that the model may remember: nothing."""
    E1 = "E1"
    """Ran on development days without passing: be read."""
    E2 = "E2"
    """Passed max-T and PBO on days after the model's cutoff: go to the holdout."""
    E3 = "E3"
    """Passed the holdout: shadow on paper."""
    E4 = "E4"
    """Passed in shadow and approved: real money, ramped."""


STAGE = {Tier.E3: "shadow", Tier.E4: "live_canary"}
"""Names of other systems for the same stages (after the holdout)."""


class Verdict(StrEnum):
    """What happens next."""

    REJECT = "reject"
    """Broke a hard constraint, was vetoed, or failed its holdout."""
    KEEP = "keep"
    """Undecided: the champion stays."""
    TO_HOLDOUT = "promote_to_holdout"
    TO_SHADOW = "promote_to_shadow"
    WAIT = "wait"
    """In shadow, not yet decided."""
    ASK_HUMAN = "ask_human"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"


class Claim(StrEnum):
    """What may be said in words. Everything that is not proved is undecided."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"


class Reason(Frozen):
    """One step's outcome: ``passed`` is ``None`` for a figure that decides nothing."""

    step: str
    passed: bool | None = None
    numbers: dict[str, float | None] = Field(default_factory=dict)


class GateDecision(Frozen):
    """The state of one version in one campaign; serialises to JSON and back.

    ``days_missing`` are trading days until this effect, if it is the true one, would be seen
    with 80 % power; ``None`` means never, or nothing is missing.
    """

    campaign: str
    version: str
    verdict: Verdict
    tier: Tier
    claim: Claim = Claim.UNDECIDED
    reasons: tuple[Reason, ...] = ()
    days_missing: int | None = None
    epoch: str = ""

    @property
    def stage(self) -> str | None:
        """``shadow`` or ``live_canary`` where the tier has such a stage."""
        return STAGE.get(self.tier)
