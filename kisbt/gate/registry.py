"""Step 0: what is registered, and what may still be spent. Reads the ledger, decides nothing.

Kinds of entries: ``campaign`` (its terms), ``variant`` (before its run), ``crash``, ``test``
(a development verdict), ``look`` (before the holdout is opened), ``look_result``, ``closed`` (a
holdout became development data), ``shadow``, ``shadow_day`` and ``shadow_passed``, ``approval``,
``guard_day``, ``rollback``.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta

from pydantic import Field, model_validator

from kisbt.config import GateSettings
from kisbt.domain.market import Frozen
from kisbt.errors import GateError
from kisbt.journal.experiments import LedgerEntry


class Window(Frozen):
    """Days from ``first`` to ``last``, both included."""

    first: date
    last: date

    @model_validator(mode="after")
    def _in_order(self) -> "Window":
        if self.last < self.first:
            raise ValueError(f"a window from {self.first} to {self.last}")
        return self

    def overlaps(self, other: "Window") -> bool:
        """Whether a day belongs to both."""
        return self.first <= other.last and other.first <= self.last


class Terms(Frozen):
    """What a campaign fixes before anything of it runs.

    Attributes:
        champion: Hash of the version in force.
        dataset: Hash (or another lasting name) of the data.
        development: Days that proposals may learn from.
        holdout: Locked days after them; ``None``: nothing can be promoted.
        seed: Of all random draws.
        draws: Answers drawn of the model for each decision (k).
        costs: What costs were charged, as a hash or words.
        tests: Development tests planned on this holdout; each has this part of the level.
        longest_holding: Longest holding period in days; sets block and embargo.
        after_cutoff: All days lie after the model's measured cutoff (true without a model).
        note: For people.
    """

    champion: str = Field(min_length=1)
    dataset: str = Field(min_length=1)
    development: Window
    holdout: Window | None = None
    seed: int = 0
    draws: int = Field(default=1, ge=1)
    costs: str = ""
    tests: int = Field(default=1, ge=1)
    longest_holding: int = Field(default=0, ge=0)
    after_cutoff: bool = True
    note: str = ""


class Campaign(Frozen):
    """A registered campaign. ``id`` follows from terms and epoch, so that resuming finds it."""

    id: str
    epoch: str
    terms: Terms


def campaign_of(terms: Terms, epoch: str) -> Campaign:
    """The campaign that these terms make under this epoch."""
    text = f"{terms.model_dump_json()}\0{epoch}"
    return Campaign(
        id="c" + hashlib.sha256(text.encode()).hexdigest()[:12], epoch=epoch, terms=terms
    )


def embargo_days(terms: Terms, settings: GateSettings) -> int:
    """Trading days that must lie between development and holdout."""
    return max(settings.embargo, terms.longest_holding)


def check_windows(terms: Terms, settings: GateSettings) -> None:
    """Holdout after development, an embargo between them, and worth opening.

    Raises:
        GateError: it is not.
    """
    if terms.holdout is None:
        return
    if terms.tests > settings.holdout_tests:
        raise GateError(
            f"{terms.tests} development tests planned on one holdout, at most "
            f"{settings.holdout_tests}"
        )
    if terms.holdout.first <= terms.development.last:
        raise GateError(
            f"the holdout begins on {terms.holdout.first}, inside the development days",
            hint=f"begin it after {terms.development.last} and the embargo",
        )
    from kisbt.krx.calendar import sessions

    day = timedelta(days=1)
    between = len(sessions(terms.development.last + day, terms.holdout.first - day))
    wanted = embargo_days(terms, settings)
    if between < wanted:
        raise GateError(
            f"{between} sessions between development and holdout, {wanted} are needed",
            hint="results of positions opened in development must not reach into the holdout",
        )
    days = len(sessions(terms.holdout.first, terms.holdout.last))
    if days < settings.holdout_days:
        raise GateError(
            f"a holdout of {days} sessions is not worth opening, {settings.holdout_days} are "
            "the least",
            hint="wait until more days have passed",
        )


class Registry:
    """The ledger as of now, understood.

    Args:
        entries: All entries, oldest first.
    """

    def __init__(self, entries: Sequence[LedgerEntry]) -> None:
        self._entries = tuple(entries)
        self._campaigns = {
            entry.campaign: Campaign.model_validate(entry.body)
            for entry in self._entries
            if entry.kind == "campaign"
        }

    def campaign(self, campaign: str) -> Campaign:
        """One campaign.

        Raises:
            GateError: it was never registered.
        """
        if campaign not in self._campaigns:
            raise GateError(
                f"no campaign {campaign!r} is registered", hint="register it before anything runs"
            )
        return self._campaigns[campaign]

    def knows(self, campaign: str) -> bool:
        """Whether the campaign is registered."""
        return campaign in self._campaigns

    def entries(
        self, campaign: str, kind: str | None = None, version: str | None = None
    ) -> list[LedgerEntry]:
        """Entries of one campaign, oldest first."""
        return [
            entry
            for entry in self._entries
            if entry.campaign == campaign
            and kind in (None, entry.kind)
            and version in (None, entry.version)
        ]

    def registered(self, campaign: str, version: str) -> bool:
        """Whether the version was registered in the campaign."""
        return bool(self.entries(campaign, "variant", version))

    def variants(self, campaign: str) -> list[str]:
        """Every version ever registered on these development days, in order of registration.

        Campaigns on the same data whose development days overlap count together: abandoned and
        crashed versions and former champions included. The present champion differs from itself
        by nothing and is left out.
        """
        own = self.campaign(campaign)
        found: dict[str, None] = {}
        for near in self._near(own, own.terms.development, "development"):
            found[near.terms.champion] = None
            for entry in self.entries(near.id, "variant"):
                found[str(entry.version)] = None
        found.pop(own.terms.champion, None)
        return list(found)

    def crashed(self, campaign: str) -> set[str]:
        """Versions of ``variants`` that a run could not finish."""
        own = self.campaign(campaign)
        return {
            entry.version
            for near in self._near(own, own.terms.development, "development")
            for entry in self.entries(near.id, "crash")
            if entry.version is not None
        }

    def looks(self, campaign: str) -> list[LedgerEntry]:
        """Looks at any day of this campaign's holdout, by whatever campaign."""
        own = self.campaign(campaign)
        if own.terms.holdout is None:
            return []
        near = self._near(own, own.terms.holdout, "holdout")
        return [entry for one in near for entry in self.entries(one.id, "look")]

    def tests(self, campaign: str) -> list[LedgerEntry]:
        """Development tests before the same holdout days, by whatever campaign."""
        own = self.campaign(campaign)
        if own.terms.holdout is None:
            return self.entries(campaign, "test")
        near = self._near(own, own.terms.holdout, "holdout")
        return [entry for one in near for entry in self.entries(one.id, "test")]

    def closed(self, campaign: str) -> bool:
        """Whether the campaign's holdout has become development data."""
        return bool(self.entries(campaign, "closed"))

    def opened_by(self, terms: Terms) -> list[Campaign]:
        """Campaigns with a holdout of which these terms would make development data."""
        return [
            one
            for one in self._campaigns.values()
            if one.terms.dataset == terms.dataset
            and one.terms.holdout is not None
            and one.terms.holdout.overlaps(terms.development)
            and not self.closed(one.id)
        ]

    def seen_in_development(self, terms: Terms) -> Campaign | None:
        """A campaign that has developed on days which these terms would hold out."""
        if terms.holdout is None:
            return None
        for one in self._campaigns.values():
            same = one.terms.dataset == terms.dataset
            if same and one.terms.development.overlaps(terms.holdout):
                return one
        return None

    def in_shadow(self, champion: str) -> int:
        """Challengers ever sent into shadow against this champion; each pays for the others."""
        return len(
            {
                (entry.campaign, entry.version)
                for entry in self._entries
                if entry.kind == "shadow"
                and self._campaigns[entry.campaign].terms.champion == champion
            }
        )

    def _near(self, own: Campaign, window: Window, which: str) -> list[Campaign]:
        return [
            one
            for one in self._campaigns.values()
            if one.terms.dataset == own.terms.dataset
            and (other := getattr(one.terms, which)) is not None
            and window.overlaps(other)
        ]
