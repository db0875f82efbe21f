"""``KISClient``: every KIS call that kisbt makes, for one account in one environment."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any, Generic, Self

from kisbt.config import KISSettings
from kisbt.kis.auth import KISAuthManager, cache_name, default_cache
from kisbt.kis.calendar import CalendarCalls
from kisbt.kis.charts import ChartCalls
from kisbt.kis.config import Access, KISConfig
from kisbt.kis.environment import Env, Paper, RealQuotes, Trading
from kisbt.kis.limits import RateLimiter
from kisbt.kis.models.charts import CalendarDay
from kisbt.kis.orders import OrderCalls
from kisbt.kis.rankings import RankingCalls
from kisbt.kis.session import Session
from kisbt.kis.wire import Wire
from kisbt.krx import calendar

WORKERS = 24
"""Threads for many quotes at once: enough that answers of 1.3 s do not slow 18 calls a second."""


class KISClient(RankingCalls, ChartCalls, CalendarCalls, OrderCalls, Generic[Trading]):
    """One account at KIS. Safe from any thread.

    Calls are named as KIS names them; shorter helpers (``quotes``, ``day_bars``, ``buy``,
    ``cancel`` ...) are built on them. What the paper server lacks is substituted, or raises
    ``NotOnPaper``: each call says which.

    Args:
        account: Session that owns the account.
        market: Session that reads market data; the same one, unless quotes come from elsewhere.
        universe: Tickers that stand in for the market when paper is asked for a ranking.
        real_money: Whether a real account may send orders. Paper always may.
        now: The clock, naive KST.
        sleep: How to wait between tries and look-ups.
    """

    def __init__(
        self,
        account: Session[Trading],
        market: Session[Any] | None = None,
        *,
        universe: Sequence[str] = (),
        real_money: bool = False,
        now: Callable[[], datetime] = calendar.now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._account: Session[Trading] = account
        self._market = market or account
        self._universe = tuple(universe)
        self._may_trade = real_money or isinstance(account.access.environment, Paper)
        self._now, self._sleep = now, sleep
        self._holidays: dict[tuple[date, date], tuple[CalendarDay, ...]] = {}
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="kis-quotes")

    @classmethod
    def connect(
        cls,
        config: KISConfig,
        environment: Trading,
        settings: KISSettings | None = None,
        *,
        universe: Sequence[str] = (),
        real_money: bool = False,
        shared: bool = True,
        now: Callable[[], datetime] = calendar.now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Self:
        """Return a client for the account that ``config`` names in ``environment``.

        Nothing is sent yet. With ``settings.quotes_from_real``, a paper client reads market data
        from the real server. See ``open_session`` for ``shared``.

        Raises:
            ConfigError: a key, the account or a URL is missing or cannot be right.
        """
        settings = settings or KISSettings()
        account = open_session(config.access(environment), settings, shared=shared, sleep=sleep)
        market: Session[Any] | None = None
        if settings.quotes_from_real and isinstance(environment, Paper):
            market = open_session(config.access(RealQuotes()), settings, shared=shared, sleep=sleep)
        return cls(account, market, universe=universe, real_money=real_money, now=now, sleep=sleep)

    @property
    def environment(self) -> Trading:
        """Paper or real."""
        return self._account.access.environment

    @property
    def session(self) -> Session[Trading]:
        """The account's session: what a stream needs to register."""
        return self._account

    @property
    def clock_skew(self) -> float | None:
        """The server's clock minus ours in seconds, to half a second; ``None`` if not told yet."""
        return self._account.clock_skew

    def close(self) -> None:
        """Close all connections. Tokens stay valid and cached."""
        self._workers.shutdown(wait=True, cancel_futures=True)
        for session in {id(s): s for s in (self._account, self._market)}.values():
            session.wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_session(
    access: Access[Env],
    settings: KISSettings,
    *,
    shared: bool = True,
    sleep: Callable[[float], None] = time.sleep,
) -> Session[Env]:
    """Return a session with its own connections, and the token and limits of its key.

    Without ``shared``, other processes do not count against its limits: only for a simulator that
    nobody else knows, where that is half of the time of a call.
    """
    folder = Path(settings.cache).expanduser() if settings.cache else default_cache()
    wire = Wire(
        access.rest_url,
        agent=access.agent,
        connect_seconds=settings.connect_seconds,
        answer_seconds=settings.answer_seconds,
        redactor=access.redactor,
    )
    paper = isinstance(access.environment, Paper)
    limiter = RateLimiter(
        settings.paper_per_second if paper else settings.real_per_second,
        ledger_per_second=settings.account_per_second,
        path=folder / f"limits-{cache_name(access)}.json" if shared else None,
    )
    auth = KISAuthManager(access, wire, limiter, folder=folder, sleep=sleep)
    return Session(access, auth, wire, limiter, sleep=sleep)
