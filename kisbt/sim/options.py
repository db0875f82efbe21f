"""What a simulator is told when it is made."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from kisbt.config import CostSettings
from kisbt.errors import ConfigError
from kisbt.sim.credentials import Credentials
from kisbt.sim.exchange.path import GRID
from kisbt.sim.faults.profile import FaultProfile
from kisbt.sim.flavour import Flavour
from kisbt.sim.stream.layouts import Layout

LOCKSTEP = 0.0
"""The speed at which time passes only when the control endpoint says so."""

WATCHABLE = 10.0

START_CASH = 100_000_000


@dataclass(frozen=True)
class SimOptions:
    """Options of one simulator.

    Args:
        flavours: Environments to open a door for; each has its own keys and account, all trade on
            one exchange.
        speed: Venue seconds a wall second; ``LOCKSTEP`` stands still until told.
        credentials: Keys of a door that are not made up.
        accounts: Key pairs to make up for each door.
        cash: Won that every account starts with.
        seed: Of paths, books, keys and faults.
        faults: What goes wrong on purpose.
        layout: Generation of price and book frames.
        notice_fields: Fields of an order notice, 26 or 23.
        one_stream: One socket a key, as KIS has it.
        strict_tokens: One token a minute, as KIS has it.
        per_second: REST requests a second and key; ``None`` takes KIS's, 0 switches it off.
        start: Venue time to begin at; ``None`` chooses a session in the middle of the data.
        stamp: Date that orders carry: ``"wall"`` is today in Seoul, as on KIS's servers, and
            ``"venue"`` is the replayed day; ``None`` takes wall only at the speed of 1.
        batch: Most records in one price frame.
        participation: Largest share of a bar's volume that orders may take.
        grid: Seconds between two prints of a daily bar's path; ``None`` takes ten up to ten times
            real speed, so that there is something to watch, and ten minutes beyond and in
            lock-step, so that a year is quick.
    """

    flavours: tuple[Flavour, ...] = (Flavour.PAPER,)
    speed: float = 1.0
    credentials: dict[Flavour, Credentials] = field(default_factory=dict)
    accounts: int = 1
    cash: int = START_CASH
    seed: int = 0
    faults: FaultProfile = field(default_factory=FaultProfile)
    layout: Layout = Layout.CURRENT
    notice_fields: int = 26
    one_stream: bool = True
    strict_tokens: bool = True
    per_second: int | None = None
    start: datetime | None = None
    stamp: Literal["wall", "venue"] | None = None
    batch: int = 1
    participation: float = 0.10
    grid: int | None = None
    costs: CostSettings = field(default_factory=CostSettings)

    @property
    def lockstep(self) -> bool:
        """Whether time only passes when told."""
        return self.speed == LOCKSTEP

    @property
    def path_grid(self) -> timedelta:
        """Time between two prints of a daily bar's path."""
        if self.grid is not None:
            return timedelta(seconds=self.grid)
        slow = not self.lockstep and self.speed <= WATCHABLE
        return timedelta(seconds=10) if slow else GRID

    @property
    def wall_stamps(self) -> bool:
        """Whether orders carry today's date."""
        return self.stamp == "wall" or (self.stamp is None and self.speed == 1.0)


def parse_speed(text: str) -> float:
    """``real``, ``lockstep`` or a positive number as a speed.

    Raises:
        ConfigError: anything else.
    """
    if text == "real":
        return 1.0
    if text == "lockstep":
        return LOCKSTEP
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0.0 < speed <= 100_000.0:
        raise ConfigError(
            f"--speed {text}: not a speed", hint="use real, lockstep or a number, e.g. 60"
        )
    return speed


def parse_start(text: str | None) -> datetime | None:
    """A day, or a day and time, as venue time.

    Raises:
        ConfigError: neither.
    """
    if text is None:
        return None
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), datetime.min.time())
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as error:
        raise ConfigError(
            f"--start {text}: not a date", hint="use 2025-03-04 or 2025-03-04T10:30"
        ) from error
