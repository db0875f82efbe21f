"""When the next call may start, so that the server never counts too many in any second.

The server stamps a request somewhere between its start and its answer; how long either way takes
is unknown. So a call counts from its start until one window after its *answer*: of any N + 1
calls, the last one then starts at least a window after the server saw the first, whatever the
latencies were. Starts are also spaced evenly, so that no burst meets a counter of another kind.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

LOST_AFTER = 30.0
"""Seconds after which a call that was never finished no longer counts: its process died."""


class Budget(NamedTuple):
    """At most ``calls`` in any ``seconds``."""

    calls: int
    seconds: float

    @classmethod
    def per_second(cls, rate: float) -> Self:
        """Return the budget of ``rate`` calls a second; below 1 the window is longer instead."""
        return cls(int(rate), 1.0) if rate >= 1 else cls(1, 1.0 / rate)


@dataclass(slots=True)
class Slot:
    """One call: the groups it counts in, its start, and the time its answer was here."""

    id: str
    groups: tuple[str, ...]
    started: float
    answered: float | None = None


@dataclass(slots=True)
class Window:
    """Pure state of the limiter; times are seconds of one monotonic clock.

    ``margin`` is added to every window, for clocks that tick coarsely.
    """

    budgets: Mapping[str, Budget]
    margin: float = 0.002
    slots: list[Slot] = field(default_factory=list)
    next_start: dict[str, float] = field(default_factory=dict)
    held_until: float = 0.0

    def wait(self, groups: Iterable[str], now: float) -> float:
        """Return seconds until a call of ``groups`` may start: 0 for now.

        While only unanswered calls stand in the way, the time is unknown and a small poll
        interval is returned.
        """
        longest = max(self.held_until - now, 0.0)
        for group in groups:
            budget = self.budgets[group]
            counted = [slot for slot in self.slots if group in slot.groups]
            excess = len(counted) - budget.calls
            if excess >= 0:
                ends = sorted(slot.answered for slot in counted if slot.answered is not None)
                if len(ends) <= excess:
                    longest = max(longest, self.margin)
                else:
                    free_at = ends[excess] + budget.seconds + self.margin
                    longest = max(longest, free_at - now)
            longest = max(longest, self.next_start.get(group, now) - now)
        return longest

    def start(self, id: str, groups: tuple[str, ...], now: float) -> None:
        """Count a call that starts now."""
        self.slots.append(Slot(id, groups, now))
        for group in groups:
            budget = self.budgets[group]
            self.next_start[group] = now + budget.seconds / budget.calls

    def answer(self, id: str, at: float) -> None:
        """Note when the answer of call ``id`` was here, or will surely be of no more effect."""
        for slot in self.slots:
            if slot.id == id:
                slot.answered = at

    def hold(self, until: float) -> None:
        """Start nothing before ``until``: the server said that it has had too much."""
        self.held_until = max(self.held_until, until)

    def forget(self, now: float) -> None:
        """Drop what no longer counts, and what a reboot made meaningless."""
        span = max(budget.seconds for budget in self.budgets.values()) + self.margin
        self.slots = [
            slot
            for slot in self.slots
            if slot.started <= now
            and slot.started > now - LOST_AFTER
            and (slot.answered is None or slot.answered > now - span)
        ]
        for group, start in list(self.next_start.items()):
            if start > now + span:
                del self.next_start[group]
        if self.held_until > now + 60 * span:
            self.held_until = 0.0

    def dump(self) -> dict[str, Any]:
        """Return the state as plain values."""
        slots = [[slot.id, slot.groups, slot.started, slot.answered] for slot in self.slots]
        return {"slots": slots, "next": self.next_start, "held": self.held_until}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over a dumped state.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        self.slots = [
            Slot(
                str(id),
                tuple(group for group in groups if group in self.budgets),
                float(started),
                None if answered is None else float(answered),
            )
            for id, groups, started, answered in state["slots"]
        ]
        self.next_start = {
            str(group): float(start)
            for group, start in dict(state["next"]).items()
            if group in self.budgets
        }
        self.held_until = float(state["held"])
