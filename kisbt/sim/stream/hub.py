"""All sockets of one door: registrations in, data frames and notices out."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from kisbt.sim.exchange.events import Event, Interrupted, Notice, PhaseBegan, Printed
from kisbt.sim.exchange.exchange import Exchange
from kisbt.sim.faults.injector import Injector
from kisbt.sim.faults.profile import FaultKind
from kisbt.sim.flavour import FACTS, Flavour
from kisbt.sim.gateway import Gateway
from kisbt.sim.stream import frames, layouts
from kisbt.sim.stream.cipher import encrypt
from kisbt.sim.stream.layouts import Layout
from kisbt.sim.stream.session import Session

MOST_REGISTRATIONS = 41
_NOT_FOUND = ("OPSP0011", "invalid approval : NOT FOUND")


class Hub:
    """The stream of one environment.

    Args:
        gateway: Knows the approval keys.
        exchange: What it listens to.
        injector: Faults of the stream.
        layout: Generation of price and book frames.
        notice_fields: 26, or 23 as it once was.
        one_stream: One socket a key (OPSP8996), as KIS has it.
        batch: Most records of one name that are sent in one price frame.
        later: Calls something after some wall seconds; ``None`` drops time limits of late notices.
    """

    def __init__(
        self,
        gateway: Gateway,
        exchange: Exchange,
        injector: Injector,
        *,
        layout: Layout = Layout.CURRENT,
        notice_fields: int = 26,
        one_stream: bool = True,
        batch: int = 1,
        later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        self.gateway = gateway
        self.exchange = exchange
        self.injector = injector
        self.layout = layout
        self.notice_names = layouts.notice_fields(notice_fields)
        self.one_stream = one_stream
        self.batch = batch
        self.later = later
        self.sessions: list[Session] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.opened = 0
        self.notices_sent: list[dict[str, str]] = []
        self._names = {
            tr: layouts.fields(tr, layout)
            for group in (
                layouts.PRICE_TRS,
                layouts.BOOK_TRS,
                layouts.EXPECTED_TRS,
                layouts.OPERATION_TRS,
                layouts.INDEX_TRS,
            )
            for tr in group
        }
        self._served = (
            layouts.PAPER_TRS
            if gateway.flavour is Flavour.PAPER
            else (*self._names, *layouts.NOTICE_TRS, *layouts.SILENT_TRS)
        )
        exchange.floor.listeners.append(self.on_event)

    def open(self) -> Session:
        """A new socket."""
        self.opened += 1
        session = Session(self.opened, f"{self.exchange.floor.seed}:{self.gateway.flavour}")
        self.sessions.append(session)
        return session

    def close(self, session: Session) -> None:
        """A socket is gone; what it registered is no longer watched."""
        session.heard.set()
        if session in self.sessions:
            self.sessions.remove(session)
            for tr_id, key in list(session.subscriptions):
                self._unwatch(tr_id, key)
            session.subscriptions.clear()

    def receive(self, session: Session, text: str) -> None:
        """A text frame came in: a registration, or the echo of a PINGPONG."""
        try:
            message = json.loads(text)
            header, body = message["header"], message.get("body", {})
            if header.get("tr_id") == "PINGPONG":
                session.echoed(header.get("datetime"))
                return
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._ack(session, "(null)", "", "OPSP9999", "invalid json format")
            return
        entry = body.get("input", {}) if isinstance(body, dict) else {}
        if not isinstance(entry, dict) or not {"tr_id", "tr_key"} <= entry.keys():
            self._ack(session, "(null)", "", "OPSP9991", "input not found")
            return
        tr_id, key = str(entry["tr_id"]).strip(), str(entry["tr_key"]).strip()
        refused = self._refused(session, header, tr_id)
        if refused is not None:
            self._ack(session, tr_id, key, *refused)
        elif str(header.get("tr_type")) == "1":
            self._register(session, tr_id, key)
        elif str(header.get("tr_type")) == "2":
            self._unregister(session, tr_id, key)
        else:
            self._ack(session, tr_id, key, "OPSP8997", "invalid tr_type")

    def on_event(self, event: Event) -> None:
        """Something happened on the exchange: tell whoever registered for it."""
        if not self.sessions:
            return
        if isinstance(event, Notice):
            self._notify(event)
        elif isinstance(event, Printed):
            self._printed(event)
        elif isinstance(event, PhaseBegan):
            self._phase(event)
        elif isinstance(event, Interrupted):
            values = frames.operation_values(self.exchange.floor, event.name)
            for tr in layouts.OPERATION_TRS:
                self._publish(tr, event.name.ticker, values)

    def settle(self) -> None:
        """Send what batches and late notices still hold back; after time has passed."""
        for session in self.sessions:
            for tr_id, key in list(session.batches):
                self._send_batch(session, tr_id, key)
            self._release(session, everything=True)

    def _refused(self, session: Session, header: dict[str, Any], tr_id: str) -> Any:
        appkey = self.gateway.approvals.get(str(header.get("approval_key", "")))
        if appkey is None or appkey not in self.gateway.keys:
            return _NOT_FOUND
        if tr_id not in self._served:
            return ("OPSP8991", "invalid tr_id")
        others = [
            s
            for s in self.sessions
            if s is not session and s.key_holder == appkey and not s.dropped
        ]
        first = session.key_holder is None
        in_use = first and self.injector.strike(
            FaultKind.KEY_IN_USE, self.exchange.now, f"socket {session.number}"
        )
        if (others and self.one_stream) or in_use:
            session.turned_away = True
            return ("OPSP8996", "ALREADY IN USE appkey")
        session.key_holder = appkey
        return None

    def _register(self, session: Session, tr_id: str, key: str) -> None:
        if (tr_id, key) in session.subscriptions:
            self._ack(session, tr_id, key, "OPSP0002", "ALREADY IN SUBSCRIBE")
            return
        if len(session.subscriptions) >= MOST_REGISTRATIONS:
            self._ack(session, tr_id, key, "OPSP0008", "MAX SUBSCRIBE OVER")
            return
        if tr_id in layouts.NOTICE_TRS:
            holder = self.gateway.keys[session.key_holder or ""].holder
            if key != holder.hts_id:
                # KIS cuts the line without a word when the HTS id is not the key's own.
                session.drop()
                return
        session.subscriptions[tr_id, key] = None
        self._ack(session, tr_id, key, "OPSP0000", "SUBSCRIBE SUCCESS")
        if self._watches(tr_id):
            self.exchange.watch(key, 1)

    def _unregister(self, session: Session, tr_id: str, key: str) -> None:
        if (tr_id, key) not in session.subscriptions:
            self._ack(session, tr_id, key, "OPSP0003", "UNSUBSCRIBE ERROR(not found!)")
            return
        del session.subscriptions[tr_id, key]
        self._unwatch(tr_id, key)
        self._ack(session, tr_id, key, "OPSP0001", "UNSUBSCRIBE SUCCESS")

    def _watches(self, tr_id: str) -> bool:
        return tr_id in (*layouts.PRICE_TRS, *layouts.BOOK_TRS, *layouts.OPERATION_TRS)

    def _unwatch(self, tr_id: str, key: str) -> None:
        if self._watches(tr_id):
            self.exchange.watch(key, -1)

    def _ack(self, session: Session, tr_id: str, key: str, code: str, text: str) -> None:
        taken = code in ("OPSP0000", "OPSP0001")
        in_use = code == "OPSP8996"
        encrypted = "Y" if tr_id in layouts.NOTICE_TRS else "N"
        body: dict[str, Any] = {
            "rt_cd": "0" if taken else "9" if in_use else "1",
            "msg_cd": code,
            "msg1": text,
        }
        if taken:
            body["output"] = {"iv": session.iv, "key": session.key}
        header = {
            "tr_id": "(null)" if in_use else tr_id,
            "tr_key": "" if in_use else key,
            "encrypt": encrypted,
        }
        session.send(json.dumps({"header": header, "body": body}, ensure_ascii=False))

    def _printed(self, event: Printed) -> None:
        floor, name = self.exchange.floor, event.name
        wanted = {tr for s in self.sessions for tr, key in s.subscriptions if key == name.ticker}
        if event.step.volume and wanted.intersection(layouts.PRICE_TRS[:2]):
            values = frames.trade_values(floor, name, event.step)
            for tr in layouts.PRICE_TRS[:2]:
                self._publish(tr, name.ticker, values)
        if wanted.intersection(layouts.BOOK_TRS[:2]):
            values = frames.book_values(floor, name, event.step.at)
            for tr in layouts.BOOK_TRS[:2]:
                self._publish(tr, name.ticker, values)

    def _phase(self, event: PhaseBegan) -> None:
        floor = self.exchange.floor
        pairs = {pair: None for session in self.sessions for pair in session.subscriptions}
        for tr, key in pairs:
            if tr in layouts.INDEX_TRS:
                self._publish(tr, key, frames.index_values(floor, key))
            elif floor.known(key):
                name = floor.name(key)
                if tr in layouts.OPERATION_TRS:
                    self._publish(tr, key, frames.operation_values(floor, name))
                elif tr in layouts.BOOK_TRS[:2]:
                    self._publish(tr, key, frames.book_values(floor, name, event.at))
                elif tr in layouts.EXPECTED_TRS[:2]:
                    values = frames.expected_values(floor, name, event.at)
                    if values is not None:
                        self._publish(tr, key, values)

    def _publish(self, tr_id: str, key: str, values: frames.Values) -> None:
        listening = [s for s in self.sessions if (tr_id, key) in s.subscriptions]
        if not listening:
            return
        record = frames.record(self._names[tr_id], values)
        for session in listening:
            self._strike_line(session)
            if tr_id in layouts.PRICE_TRS and self.batch > 1:
                session.batches.setdefault((tr_id, key), []).append(self._shaped(session, record))
                if len(session.batches[tr_id, key]) >= self.batch:
                    self._send_batch(session, tr_id, key)
            else:
                session.send(f"0|{tr_id}|001|{self._shaped(session, record)}")

    def _send_batch(self, session: Session, tr_id: str, key: str) -> None:
        records = session.batches.pop((tr_id, key))
        session.send(f"0|{tr_id}|{len(records):03d}|{'^'.join(records)}")

    def _strike_line(self, session: Session) -> None:
        at, subject = self.exchange.now, f"socket {session.number}"
        if self.injector.strike(FaultKind.STREAM_DROP, at, subject):
            session.drop()
        if not session.extra_field:
            struck = self.injector.strike(FaultKind.LAYOUT_CHANGE, at, subject)
            session.extra_field = struck is not None

    @staticmethod
    def _shaped(session: Session, record: str) -> str:
        return f"{record}^9" if session.extra_field else record

    def _notify(self, notice: Notice) -> None:
        account = self.exchange.floor.accounts[notice.order.account]
        holder = account.holder
        keys = {c.appkey for c in self.gateway.keys.values() if c.holder == holder}
        if not keys:
            return
        instrument = self.exchange.floor.market.instruments[notice.order.ticker]
        values = frames.notice_values(
            notice,
            holder,
            instrument.name or instrument.ticker,
            FACTS[self.gateway.flavour].branch,
        )
        text = "^".join([str(values[name]) for name in self.notice_names])
        self.notices_sent.append({name: str(values[name]) for name in self.notice_names})
        for session in self.sessions:
            for tr_id in layouts.NOTICE_TRS:
                if (tr_id, holder.hts_id) in session.subscriptions:
                    frame = f"1|{tr_id}|001|{encrypt(text, session.key, session.iv)}"
                    self._send_notice(session, frame, f"{notice.kind} {notice.order.odno}")

    def _send_notice(self, session: Session, frame: str, subject: str) -> None:
        at, strike = self.exchange.now, self.injector.strike
        self._strike_line(session)
        if strike(FaultKind.NOTICE_LOST, at, subject):
            self._release(session)
            return
        late = strike(FaultKind.NOTICE_LATE, at, subject)
        if late is not None:
            self._hold(session, frame, late.count, late.seconds)
            return
        if strike(FaultKind.NOTICE_REORDERED, at, subject):
            self._hold(session, frame, 1, 1.0)
            return
        session.send(frame)
        if strike(FaultKind.NOTICE_DOUBLED, at, subject):
            session.send(frame)
        self._release(session)

    def _hold(self, session: Session, frame: str, count: int, seconds: float) -> None:
        session.held.append((count, frame))
        if self.later is not None:
            self.later(max(0.0, seconds), lambda: self._release(session, everything=True))

    def _release(self, session: Session, *, everything: bool = False) -> None:
        waiting = [(count - 1, frame) for count, frame in session.held]
        session.held = [each for each in waiting if each[0] > 0 and not everything]
        for count, frame in waiting:
            if count <= 0 or everything:
                session.send(frame)
