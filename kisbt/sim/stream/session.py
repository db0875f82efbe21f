"""One open socket as the stream sees it: its key, registrations, cipher and outbox."""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field

from kisbt.sim.stream.cipher import made_key


@dataclass(eq=False)
class Session:
    """A socket's state. Frames wait in ``outbox`` until its writer takes them.

    ``key_holder`` is the app key whose approval key it used, once it has. ``held`` are notices
    that a fault keeps back, each with the number of later notices it waits for. ``sent`` counts
    frames. ``heard`` is set once the peer has echoed the PINGPONG ``mark``, or is gone.
    """

    number: int
    seed: str
    key_holder: str | None = None
    subscriptions: dict[tuple[str, str], None] = field(default_factory=dict)
    outbox: deque[str] = field(default_factory=deque)
    batches: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    held: list[tuple[int, str]] = field(default_factory=list)
    extra_field: bool = False
    dropped: bool = False
    turned_away: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    mark: str = ""
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.key, self.iv = made_key(f"{self.seed}:{self.number}")

    def send(self, text: str) -> None:
        """Queue a frame."""
        self.sent += 1
        self.outbox.append(text)
        self.wake.set()

    def drop(self) -> None:
        """Cut the socket without a close frame, as soon as its writer runs."""
        self.dropped = True
        self.wake.set()
        self.heard.set()

    def ask(self, mark: str) -> None:
        """Send a PINGPONG whose echo tells that everything before it has been read."""
        self.mark = mark
        self.heard.clear()
        self.send(json.dumps({"header": {"tr_id": "PINGPONG", "datetime": mark}}))

    def echoed(self, mark: object) -> None:
        """The peer sent a PINGPONG back."""
        if mark == self.mark:
            self.heard.set()
