"""An embedded simulator in lock-step with a client, a clock and a store: a live session in a test.

with lockstep(dataset, first=date(2025, 3, 4)) as rig:
    rig.run(Strategy)
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import backtrader as bt

from kisbt.adapter.live_clock import LockstepClock
from kisbt.adapter.store import KISStore
from kisbt.config import KISSettings
from kisbt.data.dataset import Dataset
from kisbt.kis.client import KISClient
from kisbt.kis.config import FILE, load_config
from kisbt.kis.environment import Paper
from kisbt.kis.stream import KISStream
from kisbt.sim.credentials import devlp_yaml
from kisbt.sim.flavour import Flavour
from kisbt.sim.hand import SimulatorHand
from kisbt.sim.options import LOCKSTEP, SimOptions
from kisbt.sim.runner import RunningSimulator
from kisbt.sim.simulator import Simulator

SETTINGS = {
    "paper_per_second": 1000.0,
    "real_per_second": 1000.0,
    "account_per_second": None,
    "quotes_from_real": True,
}


@dataclass
class Rig:
    """What a test of live trading holds."""

    dataset: Dataset
    running: RunningSimulator
    client: KISClient[Paper]
    clock: LockstepClock
    streams: list[KISStream] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def store(self, **options: Any) -> KISStore:
        """A store over the whole dataset, on this rig's clock."""
        options.setdefault("tickers", self.dataset.tickers)
        options.setdefault("instruments", self.dataset.instruments)
        options.setdefault("frequency", self.dataset.frequency)
        options.setdefault("actions", self.dataset.actions)
        options.setdefault("clock", self.clock)
        store = KISStore(self.client, **options)
        store.listener = lambda level, text: self.notes.append((level, text))
        return store

    def run(self, strategy: type[bt.Strategy], store: KISStore, **arguments: Any) -> Any:
        """Run a strategy over all the store's names to the end of its time."""
        cerebro = bt.Cerebro(stdstats=False, runonce=False, quicknotify=True)
        broker = store.getbroker()
        for ticker in store.market.tickers:
            cerebro.adddata(store.getdata(dataname=ticker), name=ticker)
        cerebro.setbroker(broker)
        cerebro.addstrategy(strategy, **arguments)
        try:
            (ran,) = cerebro.run()
        finally:
            store.stop()
        return ran

    def account(self) -> dict[str, Any]:
        """The account as the venue knows it."""
        accounts: dict[str, Any] = self.running.control("GET", "state")["accounts"]
        return next(iter(accounts.values()))


@contextmanager
def lockstep(
    dataset: Dataset,
    *,
    first: date | None = None,
    at: time = time(),
    cash: int = 100_000_000,
    patience: float = 10.0,
    quotes_from_real: bool = True,
    **options: Any,
) -> Iterator[Rig]:
    """Everything but a store; ``options`` are the simulator's."""
    start = None if first is None else datetime.combine(first, at)
    flavours = (Flavour.PAPER, Flavour.REAL)
    made = SimOptions(
        flavours=flavours, speed=LOCKSTEP, cash=cash, start=start, per_second=0,
        strict_tokens=False, **{"stamp": "venue", **options},
    )  # fmt: skip
    with (
        RunningSimulator(Simulator(dataset, made)) as running,
        tempfile.TemporaryDirectory() as folder,
    ):
        doors = {
            flavour: (
                running.sim.doors[flavour].credentials[0],
                running.rest_url(flavour),
                running.stream_url(flavour),
            )
            for flavour in flavours
        }
        path = Path(folder) / FILE
        path.touch(mode=0o600)
        path.write_text(devlp_yaml(doors), encoding="utf-8")
        settings = KISSettings.model_validate(
            SETTINGS | {"cache": folder, "quotes_from_real": quotes_from_real}
        )
        clock = LockstepClock(SimulatorHand(running), patience=patience)
        client = KISClient.connect(
            load_config(Path(folder), {}), Paper(), settings, shared=False, now=clock.now
        )
        with client:
            yield Rig(dataset, running, client, clock)
