"""What happens to a message that came over the stream."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable

from kisbt.kis.crypto import StreamKey
from kisbt.kis.events import Heartbeat, StreamEvent
from kisbt.kis.frames import (
    NOTICES,
    Ack,
    FrameCounts,
    FrameError,
    NoKeyYet,
    Ping,
    parse_control,
    parse_frame,
)
from kisbt.kis.gaps import Arrival, TradeGap, TradeWatch, VIWatch
from kisbt.kis.records import Trade
from kisbt.kis.registrations import Registration

logger = logging.getLogger(__name__)

KEPT = 200
"""Encrypted frames kept until their key arrives."""


class Reception:
    """Reads messages, keeps the keys, and passes records on. Runs on the stream's loop."""

    def __init__(self, on_event: Callable[[StreamEvent], None], counts: FrameCounts) -> None:
        self._on_event, self._counts = on_event, counts
        self._keys: dict[str, StreamKey] = {}
        self._kept: deque[str] = deque(maxlen=KEPT)
        self._trades, self._vi = TradeWatch(), VIWatch()
        self.last_heard = time.monotonic()

    def restart(self) -> None:
        """Begin with a new connection: its keys are new, its past is not forgotten."""
        self._keys.clear()
        self._kept.clear()
        self.last_heard = time.monotonic()

    def awaits_notices(self, on: Iterable[Registration]) -> bool:
        """Whether order notices are wished for and were not acknowledged."""
        return any(known.tr_id in NOTICES and known.tr_id not in self._keys for known in on)

    def take(self, text: str) -> Ack | str | None:
        """Handle one message; return an acknowledgement, or the text to reply with, or nothing."""
        self.last_heard = time.monotonic()
        if text[:1] in ("0", "1"):
            self._data(text)
            return None
        try:
            control = parse_control(text)
        except FrameError:
            self._counts.garbage += 1
            return None
        if isinstance(control, Ping):
            self._counts.pings += 1
            self._on_event(Heartbeat())
            return control.text
        if control.key is not None:
            self._keys[control.tr_id] = control.key
            for kept in [self._kept.popleft() for _ in range(len(self._kept))]:
                self._data(kept)
        return control

    def _data(self, frame: str) -> None:
        try:
            records = parse_frame(frame, self._keys)
        except FrameError as error:
            self._counts.garbage += 1
            logger.debug("dropped a frame: %s", error)
            return
        except NoKeyYet:
            self._kept.append(frame)
            return
        self._counts.frames += 1
        for record in records:
            if isinstance(record, Trade):
                self._trade(record)
            else:
                self._counts.records += 1
                self._on_event(record)
                if (change := self._vi.change(record)) is not None:
                    self._on_event(change)

    def _trade(self, trade: Trade) -> None:
        arrival = self._trades.observe(trade)
        if arrival is Arrival.DUPLICATE:
            self._counts.duplicates += 1
            return
        if isinstance(arrival, TradeGap):
            self._counts.gaps += 1
            self._on_event(arrival)
        self._counts.records += 1
        self._on_event(trade)
