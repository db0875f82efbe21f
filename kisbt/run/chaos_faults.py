"""The named faults: what each does to a session at the moment it strikes."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

from kisbt.domain.trading import Side
from kisbt.errors import JournalError, StrategyError
from kisbt.journal.controls import Controls, HaltAction
from kisbt.journal.database import DatabaseManager
from kisbt.run.chaos_points import Killed
from kisbt.run.chaos_world import World
from kisbt.run.live_safety import EVERY_SECONDS
from kisbt.sim.exchange.checks import NewOrder
from kisbt.sim.exchange.refusals import RefusedError
from kisbt.sim.faults.profile import FaultProfile
from kisbt.sim.flavour import Flavour
from kisbt.sim.simulator import Simulator

Act = Callable[[World], None]


class Named(NamedTuple):
    """One fault. ``act`` happens on Cerebro's thread, in the middle of whatever goes on there."""

    name: str
    what: str
    act: Act


def _troubles(*faults: dict[str, Any]) -> Act:
    """Troubles of the simulator, until the evening."""
    profile = FaultProfile.model_validate({"faults": list(faults)})

    def act(world: World) -> None:
        world.faults(profile)
        world.relief.append(lambda: world.faults(FaultProfile()))

    return act


def _control(what: str, body: bytes = b"{}") -> Act:
    def act(world: World) -> None:
        world.running.control("POST", what, body)

    return act


def _kill(after: timedelta | None = None, *troubles: dict[str, Any]) -> Act:
    upset = _troubles(*troubles) if troubles else None

    def act(world: World) -> None:
        if upset is not None:
            upset(world)
        world.wake_after = after
        raise Killed

    return act


def _kill_again(times: int) -> Act:
    """Killed, and at each of the next points that the next processes pass, killed again."""

    def act(world: World) -> None:
        world.more_kills = times - 1
        raise Killed

    return act


def _disk_full(world: World) -> None:
    raise JournalError("journal cannot grow: the disk is full", hint="free some space")


def _strategy_raises(world: World) -> None:
    raise StrategyError("my_strategy.py raised ValueError: broken", hint="fix the strategy file")


def _signal(world: World) -> None:
    if world.desk is not None:
        world.desk.stop("SIGTERM")


def _halt(action: HaltAction = "", *, then_kill: bool = False) -> Act:
    """A person halts from elsewhere, and resumes in the evening."""

    def act(world: World) -> None:
        with DatabaseManager(world.url) as db:
            Controls(db).halt("고장 시험", action=action)
        time.sleep(EVERY_SECONDS * 1.5)
        world.halted(on=True, selling=action == "liquidate")
        world.relief.append(lambda: _resume(world))
        if then_kill:
            raise Killed

    return act


def _resume(world: World) -> None:
    with DatabaseManager(world.url) as db:
        Controls(db).resume("person")
    world.halted(on=False)
    time.sleep(EVERY_SECONDS * 1.5)


def _balance(change: dict[str, Any]) -> Act:
    """The balance says something else, until the evening."""

    def act(world: World) -> None:
        def wrong(balance: Any) -> Any:
            return balance.model_copy(update=change)

        world.doctored = wrong
        world.relief.append(lambda: setattr(world, "doctored", None))

    return act


def _stranger(side: Side, quantity: int, limit_by: float) -> Act:
    """Somebody else orders on the account; the order is far away and only rests."""

    def act(world: World) -> None:
        def order(sim: Simulator) -> None:
            holder = sim.doors[Flavour.PAPER].credentials[0].holder
            name = sim.floor.names.get("900120") or sim.floor.name("900120")
            band = name.band
            if band is None:
                return
            price = band.lower if limit_by < 0 else band.upper
            new = NewOrder(
                holder.number + holder.product, "900120", side, "00", quantity, price, sim.stamp()
            )
            with suppress(RefusedError):
                made = sim.exchange.place(new)
                world.foreign.add((made.day, made.number))

        world.running.call(order)

    return act


def _cancelled_elsewhere(world: World) -> None:
    """Somebody cancels all our orders with another program."""

    def cancel(sim: Simulator) -> None:
        holder = sim.doors[Flavour.PAPER].credentials[0].holder
        for order in list(sim.floor.orders.get(sim.floor.day, {}).values()):
            if order.remaining and order.account == holder.number + holder.product:
                with suppress(RefusedError):
                    sim.exchange.cancel(order.account, order.number, None, order.stamp)

    world.running.call(cancel)


def _both(*acts: Act) -> Act:
    def act(world: World) -> None:
        for each in acts:
            each(world)

    return act


_LOST = {"kind": "answer_lost", "where": "orders", "most": 2}
_SILENT = {"kind": "notice_lost"}
_MIXED = (
    {"kind": "answer_lost", "where": "orders", "rate": 0.3},
    {"kind": "request_lost", "rate": 0.1},
    {"kind": "server_error", "rate": 0.1},
    {"kind": "executions_empty", "rate": 0.2},
    {"kind": "notice_lost", "rate": 0.3},
    {"kind": "notice_doubled", "rate": 0.3},
    {"kind": "stream_drop", "rate": 0.02, "most": 2},
)

FAULTS = tuple(
    Named(*each)
    for each in (
        ("kill", "kill -9, started again within the hour", _kill()),
        ("kill_overnight", "kill -9, started again after 14 hours", _kill(timedelta(hours=14))),
        ("kill_twice", "killed, and killed again while starting", _kill_again(2)),
        ("kill_five_times", "killed at each of five points in a row", _kill_again(5)),
        ("kill_answer_lost", "the next answers are lost, and then killed", _kill(None, _LOST)),
        ("kill_no_notices", "killed, and no notices all day", _kill(None, _SILENT)),
        ("kill_list_empty", "killed, and the order list reads empty for a while",
         _kill(None, {"kind": "executions_empty", "most": 3})),
        ("kill_list_lags", "killed, and the order list lags by five minutes",
         _kill(None, {"kind": "executions_lag", "seconds": 300})),
        ("kill_server_down", "killed, and KIS answers 500 for a while",
         _kill(None, {"kind": "server_error", "most": 12})),
        ("answer_lost", "the next two order answers are lost", _troubles(_LOST)),
        ("answers_lost", "every second order answer of the day is lost",
         _troubles({"kind": "answer_lost", "where": "orders", "rate": 0.5})),
        ("reading_lost", "answers about the account are lost",
         _troubles({"kind": "answer_lost", "where": "account", "most": 4})),
        ("request_lost", "the next requests never arrive",
         _troubles({"kind": "request_lost", "most": 3})),
        ("server_error", "HTTP 500 three times", _troubles({"kind": "server_error", "most": 3})),
        ("server_down", "HTTP 500 forty times", _troubles({"kind": "server_error", "most": 40})),
        ("throttled", "EGW00201 twice",
         _troubles({"kind": "throttled", "most": 1, "count": 2})),
        ("throttled_long", "EGW00201 fifteen times",
         _troubles({"kind": "throttled", "most": 1, "count": 15})),
        ("slow", "answers take longer", _troubles({"kind": "slow", "seconds": 0.05, "most": 5})),
        ("token_expired", "the token runs out", _control("expire-tokens")),
        ("token_expires_often", "the token runs out again and again",
         _troubles({"kind": "token_expired", "rate": 0.3, "most": 5})),
        ("list_empty", "the order list reads empty five times",
         _troubles({"kind": "executions_empty", "most": 5})),
        ("list_empty_all_day", "the order list reads empty every second time",
         _troubles({"kind": "executions_empty", "rate": 0.5})),
        ("list_lags", "the order list lags by ten minutes all day",
         _troubles({"kind": "executions_lag", "seconds": 600})),
        ("stream_cut", "the socket is cut", _control("drop-streams")),
        ("stream_cut_often", "the socket is cut again and again",
         _troubles({"kind": "stream_drop", "rate": 0.3, "most": 4})),
        ("stream_refused", "the socket is cut, and refused (OPSP8996) at first",
         _both(_troubles({"kind": "key_in_use", "most": 2}), _control("drop-streams"))),
        ("notices_lost", "no order notice arrives any more that day", _troubles(_SILENT)),
        ("notices_doubled", "every notice arrives twice", _troubles({"kind": "notice_doubled"})),
        ("notices_late", "notices wait for later ones",
         _troubles({"kind": "notice_late", "count": 2, "seconds": 0.02})),
        ("notices_reordered", "notices overtake one another",
         _troubles({"kind": "notice_reordered", "rate": 0.5})),
        ("notices_early", "notices come before the order's own answer",
         _troubles({"kind": "notice_early"})),
        ("name_halted", "trading in a name is halted for half an hour (거래정지)",
         _control("interrupt", b'{"ticker":"900110","kind":"H","minutes":30}')),
        ("vi", "a volatility interruption (VI)",
         _control("interrupt", b'{"ticker":"900130","kind":"2"}')),
        ("limit_up", "a name locks at its upper limit (상한가)",
         _control("lock", b'{"ticker":"900110","upper":true}')),
        ("limit_down", "a name locks at its lower limit (하한가)",
         _control("lock", b'{"ticker":"900110","upper":false}')),
        ("clock_skew", "KIS's clock is a minute off ours",
         _troubles({"kind": "clock_skew", "seconds": 60})),
        ("disk_full", "the journal cannot be written; started again later", _disk_full),
        ("strategy_raises", "the strategy raises; started again later", _strategy_raises),
        ("signal", "SIGTERM; started again later", _signal),
        ("halt", "a person halts, and resumes in the evening", _halt()),
        ("halt_cancel", "a person halts and cancels everything", _halt("cancel")),
        ("halt_kill", "a person halts; killed before anything obeyed", _halt(then_kill=True)),
        ("balance_empty", "the balance reads empty all day", _balance({"positions": ()})),
        ("stranger_order", "somebody else orders on the account", _stranger(Side.BUY, 7, -0.3)),
        ("cancelled_elsewhere", "somebody else cancels our orders", _cancelled_elsewhere),
        ("everything", "seven troubles at once", _troubles(*_MIXED)),
        ("everything_kill", "seven troubles at once, and killed", _kill(None, *_MIXED)),
    )
)  # fmt: skip
"""Every named fault."""
