"""Draws faults, each from its own seeded stream, and keeps the log of what was injected."""

import random
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from kisbt.sim.faults.profile import Fault, FaultKind, FaultProfile


@dataclass(frozen=True)
class Injected:
    """One fault that struck. ``at`` is venue time; ``subject`` what it struck."""

    number: int
    at: datetime
    kind: FaultKind
    subject: str
    detail: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"at": self.at.isoformat()}


class Injector:
    """Decides at each occasion whether a fault strikes.

    Every fault of the profile has its own random stream, so that adding one does not move the
    others, and the same occasions in the same order meet the same faults.
    """

    def __init__(self, profile: FaultProfile, seed: int) -> None:
        self.log: list[Injected] = []
        self.load(profile, seed)

    def load(self, profile: FaultProfile, seed: int) -> None:
        """Use another profile from now on; the log goes on."""
        self.profile = profile
        self._seed = seed if profile.seed is None else profile.seed
        self._draws = [
            random.Random(f"{self._seed}:{number}:{fault.kind}")
            for number, fault in enumerate(profile.faults)
        ]
        self._struck = [0] * len(profile.faults)
        self._burst = 0

    def strike(
        self, kind: FaultKind, at: datetime, subject: str, family: str = "all", detail: str = ""
    ) -> Fault | None:
        """The fault of this kind that strikes now, logged; ``None`` when none does."""
        for number, fault in enumerate(self.profile.faults):
            if fault.kind is not kind or fault.where not in ("all", family):
                continue
            if fault.most is not None and self._struck[number] >= fault.most:
                continue
            if self._draws[number].random() < fault.rate:
                self._struck[number] += 1
                self.note(kind, at, subject, detail)
                return fault
        return None

    def throttled(self, at: datetime, subject: str, family: str) -> bool:
        """Whether this request falls into a burst of EGW00201."""
        if self._burst:
            self._burst -= 1
            self.note(FaultKind.THROTTLED, at, subject, "burst")
            return True
        fault = self.strike(FaultKind.THROTTLED, at, subject, family)
        if fault is not None:
            self._burst = fault.count - 1
        return fault is not None

    def fixed(self, kind: FaultKind) -> Fault | None:
        """A fault that is simply on, such as the clock skew."""
        return next((fault for fault in self.profile.faults if fault.kind is kind), None)

    def daily(self, kind: FaultKind, day: str, ticker: str) -> tuple[Fault, float] | None:
        """Whether a name is struck on a day, and when, as a fraction of the session.

        Drawn from day and name, not from a stream, so that it does not depend on requests.
        """
        for number, fault in enumerate(self.profile.faults):
            if fault.kind is not kind:
                continue
            draw = random.Random(f"{self._seed}:{number}:{kind}:{day}:{ticker}")
            spent = fault.most is not None and self._struck[number] >= fault.most
            if not spent and draw.random() < fault.rate:
                self._struck[number] += 1
                return fault, draw.random()
        return None

    def note(self, kind: FaultKind, at: datetime, subject: str, detail: str = "") -> None:
        """Write a line of the log."""
        self.log.append(Injected(len(self.log) + 1, at, kind, subject, detail))
