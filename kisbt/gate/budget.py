"""What a holdout still allows: tests before it, and looks into it."""

from collections.abc import Sequence

from kisbt.config import GateSettings
from kisbt.errors import GateError
from kisbt.gate.decision import Verdict
from kisbt.gate.registry import Campaign, Registry
from kisbt.gate.state import decision_of


def require_complete(known: Sequence[str], given: set[str], crashed: set[str]) -> None:
    """A test needs all versions that were ever registered, and none that was not.

    Raises:
        GateError: one is missing without having crashed, or was never registered.
    """
    if unknown := sorted(given - set(known)):
        raise GateError(
            f"version {unknown[0][:19]} was never registered for these days",
            hint="a version that ran unregistered is no evidence",
        )
    missing = [version for version in known if version not in given | crashed]
    if missing:
        raise GateError(
            f"{len(missing)} registered versions are left out of the test, the first is "
            f"{missing[0][:19]}",
            hint="all that were ever registered on these days count; see variants()",
        )


def may_test(registry: Registry, own: Campaign, settings: GateSettings) -> None:
    """At most three development tests a holdout, which share one level.

    Raises:
        GateError: they are used up, or the holdout is closed.
    """
    if registry.closed(own.id):
        raise GateError(f"the holdout of campaign {own.id} has become development data")
    before = registry.tests(own.id)
    spent = sum(float(entry.body["level"]) for entry in before)
    part = settings.level / own.terms.tests
    full = len(before) >= settings.holdout_tests
    if full or spent + part > settings.level * (1 + 1e-9):
        raise GateError(
            f"the development tests of this holdout are used up ({len(before)} made, level "
            f"{spent:.4f} of {settings.level:.4f} spent)",
            hint="plan up to three with Terms(tests=...), or wait for a new holdout",
        )


def look_level(registry: Registry, own: Campaign, version: str, settings: GateSettings) -> float:
    """Level of the next look: .20, and half of it for every look before.

    Raises:
        GateError: this version may not look, has looked, or the holdout is used up or closed.
    """
    if registry.closed(own.id):
        raise GateError(f"the holdout of campaign {own.id} has become development data")
    looks = registry.looks(own.id)
    if any(entry.version == version for entry in looks):
        raise GateError(
            f"version {version[:19]} has looked at this holdout before",
            hint="a holdout is spent by one look, also by one that crashed",
        )
    if len(looks) >= settings.holdout_looks:
        raise GateError(
            f"this holdout has been looked at {len(looks)} times and is closed",
            hint="wait for new days; these are development data now",
        )
    now = decision_of(registry, own.id, version, settings)
    if now.verdict is not Verdict.TO_HOLDOUT:
        raise GateError(
            f"version {version[:19]} may not look at the holdout: it stands at {now.verdict}",
            hint="only the candidate that passed the development test may",
        )
    return float(settings.holdout_level / 2 ** len(looks))
