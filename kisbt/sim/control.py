"""The control endpoint, outside KIS's paths: move the clock, look inside, change faults."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from kisbt.errors import ConfigError
from kisbt.sim.exchange.account import Account
from kisbt.sim.exchange.orders import Order
from kisbt.sim.faults.profile import parse_profile
from kisbt.sim.simulator import Door, Simulator

PREFIX = "/control/"
MOST_DAYS = 20_000


def answer(sim: Simulator, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Answer one control request, by HTTP status and body. Errors are ``{"error": ...}``.

    ``GET state``, ``GET faults``, ``GET save``; ``POST advance`` with one of ``seconds``,
    ``until`` (ISO) or ``to`` (see ``Simulator.target``, repeated ``times`` times); ``POST faults``
    with a profile; ``POST interrupt`` with ``ticker``, ``kind`` H, 1 or 2 and ``minutes``;
    ``POST lock`` with ``ticker`` and ``upper``; ``POST expire-tokens``; ``POST drop-streams``.
    """
    what = path.removeprefix(PREFIX).strip("/")
    handler = _HANDLERS.get((method, what))
    if handler is None:
        known = sorted(f"{m} {PREFIX}{w}" for m, w in _HANDLERS)
        return 404, {"error": f"no {method} {path}", "known": known}
    try:
        given = json.loads(body) if body.strip() else {}
        if not isinstance(given, dict):
            raise ConfigError("the body must be one JSON object")
        return 200, handler(sim, given)
    except (ConfigError, KeyError, TypeError, ValueError, OverflowError) as error:
        text = str(error) if isinstance(error, ConfigError) else f"bad request: {error!r}"
        return 400, {"error": text}


def clock(sim: Simulator) -> dict[str, Any]:
    """Where the venue stands."""
    return {
        "now": sim.now.isoformat(),
        "day": sim.floor.day.isoformat(),
        "phase": sim.floor.phase.value,
        "ended": sim.ended,
        "lockstep": sim.options.lockstep,
    }


def _advance(sim: Simulator, given: dict[str, Any]) -> dict[str, Any]:
    limit = sim.now + timedelta(days=MOST_DAYS)
    if "seconds" in given:
        seconds = float(given["seconds"])
        if seconds < 0:
            raise ConfigError("seconds must not be negative")
        sim.advance_to(min(limit, sim.now + timedelta(seconds=seconds)))
    elif "until" in given:
        sim.advance_to(min(limit, datetime.fromisoformat(str(given["until"])).replace(tzinfo=None)))
    elif "to" in given:
        for _ in range(int(given.get("times", 1))):
            if sim.ended:
                break
            sim.advance_to(sim.target(str(given["to"])))
    else:
        raise ConfigError("advance needs seconds, until or to")
    return clock(sim)


def _state(sim: Simulator, given: dict[str, Any]) -> dict[str, Any]:
    return clock(sim) | {
        "accounts": {key: _account(sim, a) for key, a in sim.floor.accounts.items()},
        "doors": {flavour.value: _door(door) for flavour, door in sim.doors.items()},
        "faults_injected": len(sim.injector.log),
    }


def _account(sim: Simulator, account: Account) -> dict[str, Any]:
    floor, ledger = sim.floor, account.ledger
    orders = [
        _order(order)
        for day in sorted(floor.orders)
        for order in floor.orders[day].values()
        if order.account == account.key
    ]
    return {
        "start_cash": account.start_cash,
        "cash": ledger.cash,
        "reserved": ledger.reserved,
        "orderable": ledger.orderable,
        "settled": ledger.settled(floor.day),
        "positions": {t: p.quantity for t, p in sorted(account.positions.items())},
        "orders": orders,
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "day": order.day.isoformat(),
        "stamp": order.stamp.isoformat(),
        "odno": order.odno,
        "original": f"{order.original:010d}" if order.original else "",
        "revision": order.revision.name.lower(),
        "ticker": order.ticker,
        "side": order.side.value,
        "kind": order.kind,
        "quantity": order.quantity,
        "price": order.price,
        "filled": order.filled,
        "amount": order.amount,
        "costs": order.costs,
        "remaining": order.remaining,
        "cancelled": order.cancelled,
        "moved": order.moved,
        "expired": order.expired,
    }


def _door(door: Door) -> dict[str, Any]:
    gateway = door.gateway
    meters = gateway.meters.values()
    return {
        "requests": door.front.requests,
        "crashes": door.front.crashes,
        "per_second": gateway.limit,
        "most_in_a_second": max((meter.most for meter in meters), default=0),
        "throttled": sum(meter.refused for meter in meters),
        "token_issues": [at.isoformat() for _, at in gateway.issues],
        "sockets": len(door.hub.sessions),
        "sockets_opened": door.hub.opened,
        "registrations": [
            [f"{tr}|{key}" for tr, key in session.subscriptions] for session in door.hub.sessions
        ],
        "notices": door.hub.notices_sent,
    }


def _faults(sim: Simulator, given: dict[str, Any]) -> dict[str, Any]:
    return {
        "profile": sim.injector.profile.model_dump(mode="json"),
        "log": [each.plain() for each in sim.injector.log],
    }


def _set_faults(sim: Simulator, given: dict[str, Any]) -> dict[str, Any]:
    sim.load_faults(parse_profile(given, "request"))
    return _faults(sim, given)


def _interrupt(sim: Simulator, given: dict[str, Any]) -> dict[str, Any]:
    kind = str(given.get("kind", "H"))
    if kind not in ("H", "1", "2"):
        raise ConfigError("kind must be H, 1 or 2")
    sim.exchange.interrupt(_ticker(sim, given), kind, float(given.get("minutes", 10)))
    return clock(sim)


def _lock(sim: Simulator, given: dict[str, Any]) -> dict[str, Any]:
    sim.exchange.lock_at_limit(_ticker(sim, given), upper=bool(given.get("upper", True)))
    return clock(sim)


def _expire_tokens(sim: Simulator, given: dict[str, Any]) -> dict[str, Any]:
    expired = 0
    for door in sim.doors.values():
        expired += sum(door.gateway.expire(appkey) for appkey in list(door.gateway.keys))
    return {"expired": expired}


def _drop_streams(sim: Simulator, given: dict[str, Any]) -> dict[str, Any]:
    dropped = 0
    for door in sim.doors.values():
        for session in door.hub.sessions:
            session.drop()
            dropped += 1
    return {"dropped": dropped}


def _ticker(sim: Simulator, given: dict[str, Any]) -> str:
    ticker = str(given.get("ticker", ""))
    if not sim.floor.known(ticker):
        raise ConfigError(f"no name '{ticker}' is listed today")
    return ticker


def _save(sim: Simulator, given: dict[str, Any]) -> dict[str, Any]:
    return sim.save()


Handler = Callable[[Simulator, dict[str, Any]], dict[str, Any]]
_HANDLERS: dict[tuple[str, str], Handler] = {
    ("POST", "advance"): _advance,
    ("GET", "state"): _state,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _set_faults,
    ("POST", "interrupt"): _interrupt,
    ("POST", "lock"): _lock,
    ("POST", "expire-tokens"): _expire_tokens,
    ("POST", "drop-streams"): _drop_streams,
    ("GET", "save"): _save,
}
