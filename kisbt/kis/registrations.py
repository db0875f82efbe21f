"""Which of the wished-for streams are on the air: KIS takes 41 registrations a session."""

import itertools
import threading
from dataclasses import dataclass
from typing import NamedTuple

from kisbt.errors import ConfigError


class Registration(NamedTuple):
    """One stream: a TR id and its key, a ticker as a rule, blank for order notices."""

    tr_id: str
    tr_key: str


@dataclass(slots=True)
class _Wish:
    number: int
    weight: int
    pinned: bool
    aired: float


class Roster:
    """Shares the air among more wishes than there are places. Safe from any thread.

    Pinned wishes are always on. The others take turns: over time a wish of priority 3 is on three
    times as often as one of priority 1, and none is forgotten.
    """

    def __init__(self, places: int) -> None:
        self._lock = threading.RLock()
        self._wishes: dict[Registration, _Wish] = {}
        self._on: list[Registration] = []
        self._numbers = itertools.count()
        self.places = places

    def wish(self, registration: Registration, *, priority: int = 1, pinned: bool = False) -> None:
        """Add a wish, or change the priority of one.

        Raises:
            ConfigError: there are more pinned wishes than places.
            ValueError: ``priority`` is below 1.
        """
        if priority < 1:
            raise ValueError("priority starts at 1")
        with self._lock:
            others = [known for key, known in self._wishes.items() if key != registration]
            if pinned and sum(known.pinned for known in others) >= self.places:
                raise ConfigError(
                    f"more than {self.places} streams are to be on all the time",
                    hint="pin fewer names; the others can take turns",
                )
            known = self._wishes.get(registration)
            least = min((wish.aired for wish in others), default=0.0)
            self._wishes[registration] = _Wish(
                number=known.number if known else next(self._numbers),
                weight=priority,
                pinned=pinned,
                aired=known.aired if known else least,
            )
            self._fill()

    def drop(self, registration: Registration) -> None:
        """Forget a wish; an unknown one is no error."""
        with self._lock:
            self._wishes.pop(registration, None)
            self._fill()

    def resize(self, places: int) -> None:
        """Go on with another number of places, at least one."""
        with self._lock:
            self.places = max(1, places)
            self._fill()

    def rotate(self) -> None:
        """End a turn: who was on steps back behind those who waited."""
        with self._lock:
            for registration in self._on:
                wish = self._wishes[registration]
                if not wish.pinned:
                    wish.aired += 1.0 / wish.weight
            self._on = []
            self._fill()

    @property
    def on(self) -> tuple[Registration, ...]:
        """Who is on now, pinned ones first, then in order of wishing."""
        with self._lock:
            return tuple(self._on)

    @property
    def crowded(self) -> bool:
        """Whether there are more wishes than places."""
        with self._lock:
            return len(self._wishes) > self.places

    def __contains__(self, registration: Registration) -> bool:
        with self._lock:
            return registration in self._wishes

    def _fill(self) -> None:
        """Choose: pinned ones, then who is on already, then who was on the air least."""
        now = set(self._on)

        def rank(registration: Registration) -> tuple[bool, bool, float, int]:
            wish = self._wishes[registration]
            return (not wish.pinned, registration not in now, wish.aired, wish.number)

        chosen = sorted(self._wishes, key=rank)[: self.places]
        chosen.sort(key=lambda key: (not self._wishes[key].pinned, self._wishes[key].number))
        self._on = chosen
