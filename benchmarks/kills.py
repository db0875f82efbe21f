"""Seeded sessions of ``kisbt live`` in processes that are really killed.

``python -m benchmarks.kills``: the simulator lives here; ``kisbt live --mock`` trades on it as a
subprocess, under faults, and is killed (SIGKILL; TerminateProcess on Windows) one to three times
at random moments, most of them while orders are made. After each it is started again. At last the
faults end, one more session passes, and the process is asked to end in order. Then journal and
venue are compared. Exit 1 if anything was doubled, lost, passed or left open.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

from benchmarks.faults import say, summary, table
from benchmarks.kills_session import CRAWL, Session, plan_kills
from kisbt.data.store import save_dataset
from kisbt.domain.rules import Condition
from kisbt.journal.chain import load_snapshot
from kisbt.journal.controls import scope_of
from kisbt.journal.database import DatabaseManager
from kisbt.krx import calendar
from kisbt.rulebook.draft import Draft
from kisbt.rulebook.sections import SECTIONS, marker
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import Policy
from kisbt.run.chaos_checks import judge, read
from kisbt.run.chaos_market import FIRST, chaos_market
from kisbt.run.chaos_sessions import Told, told_of, troubles
from kisbt.run.chaos_world import COSTS, LIMITS, PARTICIPATION, touched_on, wrong_closes
from kisbt.sim.credentials import devlp_yaml
from kisbt.sim.faults.profile import FaultProfile
from kisbt.sim.flavour import Flavour
from kisbt.sim.options import SimOptions
from kisbt.sim.runner import RunningSimulator
from kisbt.sim.simulator import Simulator

CHECKOUT = Path(__file__).resolve().parents[1]
DAYS = 2

WAITS = ("token_expired", "throttled")
"""Faults that KIS wants waited for, a minute or a second of the wall's time."""

SETTINGS = """
[backtest]
data = "chaos"
[kis]
paper_per_second = 1000
cache = "cache"
[live]
backfill = 2
foreign = "adopt"
[limits]
"""


def profile(seed: int) -> FaultProfile:
    """The troubles of ``benchmarks.faults``, but those that would only make a process wait."""
    full = troubles(seed)
    return full.model_copy(
        update={"faults": tuple(each for each in full.faults if each.kind.value not in WAITS)}
    )


def policy(seed: int) -> Policy:
    """A rulebook that buys what it can and sells the day after, so that every day has orders."""
    dice = random.Random(f"{seed}:policy")
    order = dice.choice(("market", "limit"))
    return Policy(
        entry=(Condition(feature="change_pct", op=">", value=-30.0),),
        rank_by="change_pct", max_new_per_day=dice.choice((2, 3)),
        target_weight=dice.choice((0.1, 0.2, 0.24)), max_holding_days=dice.choice((1, 1, 2)),
        stop_loss_pct=dice.choice((0.3, 1.0)), order=order,  # type: ignore[arg-type]
        limit_offset_pct=dice.choice((-0.5, 0.3, 1.0)) if order == "limit" else 0.0,
    )  # fmt: skip


def run_session(seed: int, days: int = DAYS, keep: Path | None = None) -> Told:
    """One session: ``days`` of trading under all troubles and kills, and one to settle.

    Its folder is copied to ``keep`` if anything is found: when a kill strikes depends on the
    machine, so that a seed alone does not bring it back.
    """
    began = time.monotonic()
    dataset = chaos_market(days + 1, seed)
    sessions = calendar.sessions(FIRST, dataset.last_day)
    options = SimOptions(
        speed=CRAWL, seed=seed, start=datetime.combine(FIRST, datetime.min.time()).replace(hour=8),
        stamp="venue", per_second=0, strict_tokens=False, participation=PARTICIPATION,
        costs=COSTS, faults=profile(seed),
    )  # fmt: skip
    with ExitStack() as stack:
        # A process that was killed may hold a file for a moment longer (Windows).
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="kisbt-kills-", ignore_cleanup_errors=True)
            )
        )
        running = RunningSimulator(Simulator(dataset, options))
        holder = running.sim.doors[Flavour.PAPER].credentials[0].holder
        with running:
            session = Session(
                folder, dataset, running, seed,
                f"sqlite:///{(folder / 'results' / 'journal.sqlite').as_posix()}",
                scope_of("sim", holder.number + holder.product), plan_kills(seed), sessions,
            )  # fmt: skip
            _furnish(session)
            session.run()
        fills = _look(session)
        found = judge(session)
        if keep is not None and not found.clean:
            shutil.copytree(folder, keep / f"seed-{seed}", dirs_exist_ok=True)
    return told_of(seed, session.processes, session.killed, fills, session.sim, found, began)


def _furnish(session: Session) -> None:
    """A project as a user has it: settings, keys, data, prompts, the strategy of the house."""
    folder = session.folder
    limits = "".join(
        f"{name} = {value}\n" for name, value in LIMITS.model_dump(exclude_unset=True).items()
    )
    (folder / "kisbt.toml").write_text(SETTINGS + limits, encoding="utf-8")
    shutil.copytree(CHECKOUT / "strategies", folder / "strategies")
    (folder / "datasets").mkdir()
    save_dataset(session.dataset, folder / "datasets")
    store = PromptStore(folder / "prompts")
    text = "".join(f"{marker(n, 'begin')}\n{marker(n, 'end')}\n" for n in SECTIONS)
    store.add(Draft(author="human", summary="killed", policy=policy(session.seed), text=text))
    pair, running = session.sim.doors[Flavour.PAPER].credentials[0], session.running
    keys = folder / "kis_devlp.yaml"
    keys.touch(mode=0o600)
    doors = {Flavour.PAPER: (pair, running.rest_url(), running.stream_url())}
    keys.write_text(devlp_yaml(doors), encoding="utf-8")


def _look(session: Session) -> int:
    """Take from the journal what its decisions saw, and compare it with the market."""
    with DatabaseManager(session.url) as db:
        told = read(db, session.scope)
        for row in told.ticks:
            if row.snapshot is None:
                continue
            at = datetime.fromisoformat(row.at).replace(tzinfo=None)
            session.closes[at] = dict(load_snapshot(db, row.snapshot).closes)
    for at, closes in session.closes.items():
        touched = touched_on(session.sim, at.date())
        session.stale += wrong_closes(session.dataset, at, closes, touched)
    return sum(len(run.fills) for run in told.history)


def main() -> int:
    """Run, and print the table; 0 if all is clean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first session")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=None, help="begin none after so long")
    parser.add_argument("--keep", type=Path, default=None, help="folder for those with findings")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    began = time.monotonic()
    seeds = range(asked.seed, asked.seed + asked.sessions)
    told = run_sessions(seeds, asked.jobs, asked.seconds, asked.keep)
    figures = summary(told, time.monotonic() - began)
    figures["seconds a session"] = round(sum(t.wall for t in told) / max(len(told), 1), 1)
    print(json.dumps(figures, ensure_ascii=False, indent=2) if asked.json else table(figures))
    return 0 if told and not any(each.lines for each in told) else 1


def run_sessions(
    seeds: range, jobs: int = 1, seconds: float | None = None, keep: Path | None = None
) -> list[Told]:
    """Sessions of these seeds, by seed; none begins after so many seconds."""
    until = None if seconds is None else time.monotonic() + seconds
    told: list[Told] = []
    # A fresh interpreter each: the simulator's threads must not be forked.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(_one, seed, until, keep) for seed in seeds]):
            one = future.result()
            if one is not None:
                told.append(one)
                say(one)
    return sorted(told)


def _one(seed: int, until: float | None, keep: Path | None) -> Told | None:
    if until is not None and time.monotonic() >= until:
        return None
    return run_session(seed, keep=keep)


if __name__ == "__main__":
    sys.exit(main())
