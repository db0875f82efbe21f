"""Walks through everything a session needs, and says what to do about what does not work."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from kisbt.config import KISSettings
from kisbt.errors import ConfigError, TradingSystemError
from kisbt.kis.client import KISClient
from kisbt.kis.config import FILE, PAPER_HOST, REAL_HOST, KISConfig, load_config
from kisbt.kis.environment import Paper, Real
from kisbt.kis.errors import Refused
from kisbt.kis.events import Connected, Registered, RegistrationRefused, StreamEvent
from kisbt.kis.frames import NOTICES
from kisbt.kis.private_files import open_to_others
from kisbt.kis.records import Book, Trade
from kisbt.kis.stream import KISStream

Status = Literal["ok", "failed", "skipped"]

SKEW_LIMIT = 5.0
"""Seconds by which the clock may be off: order times and token expiry depend on it."""

STREAM_SECONDS = 10.0
"""How long registrations may take."""

DATA_SECONDS = 1.5
"""How long data is waited for after that; outside the session there is none."""


class Check(NamedTuple):
    """One line of the table; ``fix`` is blank when there is nothing to do."""

    name: str
    status: Status
    detail: str
    fix: str = ""


class _Stop(Exception):  # noqa: N818 - ends the walk, no error
    """What follows depends on what just failed."""


def check_up(
    config: Callable[[], KISConfig],
    *,
    real: bool,
    simulated: bool,
    settings: KISSettings,
    ticker: str = "005930",
) -> list[Check]:
    """Return one check a step: config, clock, token, quote, balance, order book, stream ...

    Only reads: no order is sent. ``simulated`` means that a simulator is meant to answer.
    """
    checks: list[Check] = []
    names = ["clock", "token", "quote", "balance", "order-book", "buyable", "stream", "notices"]
    try:
        found = config()
        client: KISClient[Paper] | KISClient[Real]
        if real:
            client = KISClient.connect(found, Real(), settings)
        else:
            client = KISClient.connect(found, Paper(), settings)
        if simulated:
            _check_simulated(client)
    except TradingSystemError as error:
        failed = Check("config", "failed", error.message, error.hint or "")
        return [failed, *(Check(name, "skipped", "no configuration") for name in names)]
    with client:
        checks.append(_config_check(client, found))
        try:
            for check in _rest_checks(client, ticker, simulated=simulated):
                checks.append(check)
            checks += _stream_checks(client, ticker, settings)
        except _Stop:
            done = {check.name for check in checks}
            checks += [
                Check(name, "skipped", "needs a token") for name in names if name not in done
            ]
    return sorted(checks, key=lambda check: ["config", *names].index(check.name))


def simulator_config(folder: Path) -> Callable[[], KISConfig]:
    """Return a loader of the ``kis_devlp.yaml`` that ``kisbt sim`` writes into ``folder``."""

    def load() -> KISConfig:
        if not (folder / FILE).is_file():
            raise ConfigError(
                f"no simulator configuration: {folder / FILE} does not exist",
                hint=f"start one: kisbt sim --write-config {folder}",
            )
        return load_config(folder)

    return load


def _check_simulated(client: KISClient[Paper] | KISClient[Real]) -> None:
    access = client.session.access
    if any(host in access.rest_url for host in (REAL_HOST, PAPER_HOST)):
        raise ConfigError(
            f"this configuration points to KIS itself ({access.rest_url}), not to a simulator",
            hint="use the one that `kisbt sim --write-config DIR` writes",
        )


def _config_check(client: KISClient[Paper] | KISClient[Real], config: KISConfig) -> Check:
    access = client.session.access
    detail = f"{access.environment.korean} · {access.rest_url} · product {access.product}"
    if config.path is not None and open_to_others(config.path):
        return Check("config", "ok", detail, f"others can read your keys: chmod 600 {config.path}")
    return Check("config", "ok", detail)


def _try(name: str, step: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", step())
    except TradingSystemError as error:
        return Check(name, "failed", error.message, error.hint or "")


def _rest_checks(
    client: KISClient[Paper] | KISClient[Real], ticker: str, *, simulated: bool
) -> Iterator[Check]:
    def token() -> str:
        return f"valid until {client.session.auth.token().expires_at:%Y-%m-%d %H:%M} KST"

    def quote() -> str:
        price = client.inquire_price(ticker)
        if price.price == 0:
            raise Refused(f"no price for {ticker}", hint="give a listed name with --ticker")
        return f"{ticker} {price.price:,}원, base {price.base_price or 0:,}원"

    def balance() -> str:
        found = client.inquire_balance()
        held = sum(1 for row in found.positions if row.quantity)
        return f"{held} positions, cash {found.totals.cash:,}원"

    def book() -> str:
        found = client.inquire_asking_price_exp_ccn(ticker)
        ask = f"{found.asks[0].price:,}" if found.asks else "-"
        bid = f"{found.bids[0].price:,}" if found.bids else "-"
        return f"bid {bid} / ask {ask}, {len(found.bids)}+{len(found.asks)} levels"

    def buyable() -> str:
        found = client.inquire_psbl_order(ticker)
        return f"{found.cash:,}원, {found.own_quantity or 0:,} shares at market"

    check = _try("token", token)
    yield check
    if check.status == "failed":
        raise _Stop
    yield _try("quote", quote)
    yield _try("balance", balance)
    yield _try("order-book", book)
    yield _try("buyable", buyable)
    yield _clock_check(client.clock_skew, simulated=simulated)


def _clock_check(skew: float | None, *, simulated: bool) -> Check:
    if skew is None:
        return Check("clock", "skipped", "the server does not tell its time")
    detail = f"server is {skew:+.1f} s from this machine"
    if abs(skew) <= SKEW_LIMIT:
        return Check("clock", "ok", detail)
    if simulated:
        return Check("clock", "ok", f"{detail}; a simulator may keep its own time")
    return Check("clock", "failed", detail, "set this machine's clock by NTP")


class _Ears:
    """Listens until the stream has shown what it can."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.connected = False
        self.registered: set[str] = set()
        self.refused: dict[str, str] = {}
        self.records = 0

    def hear(self, event: StreamEvent) -> None:
        with self.changed:
            if isinstance(event, Connected):
                self.connected = True
            elif isinstance(event, Registered):
                self.registered.add(event.registration.tr_id)
            elif isinstance(event, RegistrationRefused):
                self.refused[event.registration.tr_id] = event.reason
            elif isinstance(event, Trade | Book):
                self.records += 1
            self.changed.notify_all()

    def settled(self, tr_ids: set[str]) -> bool:
        return tr_ids <= self.registered | self.refused.keys()


def _stream_checks(
    client: KISClient[Paper] | KISClient[Real], ticker: str, settings: KISSettings
) -> Iterator[Check]:
    ears = _Ears()
    stream = KISStream(client.session, ears.hear, places=settings.registrations)
    stream.watch(ticker)
    stream.watch(ticker, book=True)
    wanted = {"H0STCNT0", "H0STASP0"}
    notices = client.environment.notices
    no_login = ""
    try:
        stream.watch_orders()
        wanted.add(notices)
    except ConfigError as error:
        no_login = str(error)
    with stream, ears.changed:
        ears.changed.wait_for(
            lambda: ears.settled(wanted) or stream.failure is not None, STREAM_SECONDS
        )
        if ears.settled(wanted):
            ears.changed.wait_for(lambda: ears.records > 0, DATA_SECONDS)
    failure = stream.failure
    yield _stream_check(ears, failure, wanted - NOTICES, stream.last_reason)
    if no_login:
        yield Check("notices", "failed", "my_htsid is missing", no_login)
    elif notices in ears.registered:
        yield Check("notices", "ok", f"{notices} registered (체결통보)")
    else:
        reason = ears.refused.get(notices) or (str(failure) if failure else "not acknowledged")
        yield Check("notices", "failed", reason, "my_htsid must be the HTS login id, exactly")


def _stream_check(
    ears: _Ears, failure: Exception | None, wanted: set[str], last_reason: str
) -> Check:
    if wanted <= ears.registered:
        data = f"{ears.records} records" if ears.records else "no data (market closed?)"
        return Check("stream", "ok", f"connected, registered, {data}")
    if isinstance(failure, TradingSystemError):
        return Check("stream", "failed", failure.message, failure.hint or "")
    if not ears.connected:
        reason = last_reason or "no connection"
        return Check("stream", "failed", reason, "check ops/vops in kis_devlp.yaml and the network")
    reasons = "; ".join(sorted(set(ears.refused.values()))) or last_reason or "not acknowledged"
    return Check("stream", "failed", reasons, "close other programs that use this key")
