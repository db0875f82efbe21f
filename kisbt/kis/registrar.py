"""Brings the registrations at KIS in line with the roster, one message and its answer at a time."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kisbt.kis.events import Registered, RegistrationRefused, StreamEvent, Unregistered
from kisbt.kis.frames import NOTICES, Ack
from kisbt.kis.registrations import Registration, Roster

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
"""How long an acknowledgement is waited for."""

TRIES = 3

IN_USE_WAIT = 10.0
"""Seconds before another try when the key is in use: KIS frees a lost session with a delay."""


class MustReconnect(Exception):  # noqa: N818 - a request to the stream's own loop
    """This connection is of no more use.

    Args:
        reason: Why.
        wait: Least seconds before the next connection.
        renew_key: Whether the approval key is to be replaced.
    """

    def __init__(self, reason: str, *, wait: float = 0.0, renew_key: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.wait, self.renew_key = reason, wait, renew_key


@dataclass(slots=True)
class _Entry:
    """State of one registration on this connection."""

    on: bool
    wanted: bool
    asked_at: float
    tries: int = 1
    answered: bool = False


class Registrar:
    """Registrations of one connection. Runs on the stream's loop."""

    def __init__(
        self,
        roster: Roster,
        send: Callable[[Registration, bool], Awaitable[None]],
        on_event: Callable[[StreamEvent], None],
        pace: float,
    ) -> None:
        self._roster, self._send, self._on_event, self._pace = roster, send, on_event, pace
        self._entries: dict[Registration, _Entry] = {}
        self._broken: MustReconnect | None = None

    async def settle(self) -> None:
        """Send what differs from the roster: first ends, then beginnings.

        Raises:
            MustReconnect: an acknowledgement said that this connection is of no use.
        """
        if self._broken is not None:
            raise self._broken
        wanted = self._roster.on
        keep = set(wanted)
        for registration, entry in list(self._entries.items()):
            if registration not in keep and (entry.on or not entry.answered) and entry.wanted:
                await self._ask(registration, False)
        for registration in wanted:
            known = self._entries.get(registration)
            if known is None or (not known.wanted and known.answered):
                await self._ask(registration, True)
        await self._ask_again()

    def next_check(self) -> float:
        """Return seconds until an unanswered message is due to be sent again."""
        waiting = [entry.asked_at for entry in self._entries.values() if not entry.answered]
        if not waiting:
            return 60.0
        return max(0.0, min(waiting) + ANSWER_SECONDS - time.monotonic())

    def acknowledge(self, ack: Ack) -> None:
        """Take KIS's answer to a registration.

        Raises:
            MustReconnect: the key is not valid, or in use elsewhere.
        """
        if ack.msg_cd == "OPSP8996":
            raise MustReconnect(
                "the app key is in use by another stream (ALREADY IN USE)", wait=IN_USE_WAIT
            )
        if ack.msg_cd in ("OPSP0010", "OPSP0011"):
            raise MustReconnect(f"approval key refused: {ack.text}", renew_key=True)
        registration = Registration(ack.tr_id, "" if ack.tr_id in NOTICES else ack.tr_key)
        entry = self._entries.get(registration)
        if entry is None:
            logger.info("acknowledgement of nothing asked: %s %s", ack.msg_cd, ack.text)
            return
        entry.answered = True
        if ack.msg_cd in ("OPSP0001", "OPSP0003"):
            self._entries.pop(registration)
            self._on_event(Unregistered(registration))
        elif ack.ok:
            entry.on = True
            if entry.wanted:
                self._on_event(Registered(registration))
        else:
            self._refused(registration, entry, ack)

    def _refused(self, registration: Registration, entry: _Entry, ack: Ack) -> None:
        self._entries.pop(registration)
        if ack.msg_cd == "OPSP0008":  # no place left: somebody else's session, or a lower cap
            on = sum(1 for known in self._entries.values() if known.on)
            self._roster.resize(on)
            self._on_event(RegistrationRefused(registration, ack.text, again=True))
            return
        again = ack.msg_cd in ("OPSP0007", "OPSP0009", "OPSP8999") and entry.tries < TRIES
        if again:
            self._entries[registration] = _Entry(
                on=False, wanted=True, asked_at=time.monotonic(), tries=entry.tries
            )
        else:
            self._roster.drop(registration)
        self._on_event(RegistrationRefused(registration, f"{ack.text} ({ack.msg_cd})", again))

    async def _ask(self, registration: Registration, on: bool, tries: int = 1) -> None:
        known = self._entries.get(registration)
        self._entries[registration] = _Entry(
            on=known.on if known else False, wanted=on, asked_at=time.monotonic(), tries=tries
        )
        await self._send(registration, on)
        await asyncio.sleep(self._pace)

    async def _ask_again(self) -> None:
        due = time.monotonic() - ANSWER_SECONDS
        for registration, entry in list(self._entries.items()):
            if entry.answered or entry.asked_at > due:
                continue
            if entry.tries >= TRIES:
                raise MustReconnect("registrations are not answered")
            await self._ask(registration, entry.wanted, entry.tries + 1)
