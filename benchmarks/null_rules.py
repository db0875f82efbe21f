"""``python -m benchmarks.null_rules --out FILE``: what rules without a reason do, for calibration.

Markets have no structure (``data.synth.traps`` with no reward and no effect). On each a strategy
that buys heavy volume trades under the champion's policy and under rules drawn by the machinery
that proposes real ones: its grid of conditions, its effects, its demand that at least 5 % of the
judged names are touched. Accounts are played in arrays, all versions of a market at once: decided
at the close, filled at the next open, two new names a day, a tenth of equity each, ten sessions,
without costs, so that to trade less is no advantage. ``--check`` plays one market through the real
replay, too, and prints how well the daily differences agree.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning import POLICY, project
from kisbt.data.dataset import Dataset
from kisbt.data.features.compute import compute_features
from kisbt.data.synth.traps import TrapSpec, make_trap_market
from kisbt.domain.rules import Category, Condition, Effect, EffectKind, Rule
from kisbt.journal.record import iso
from kisbt.reflection_graph.conditions import LEARNABLE, holds, make_grid
from kisbt.reflection_graph.evidence import candidates, entry_evidence
from kisbt.reflection_graph.panel import Panel

Floats = NDArray[np.float64]

WARM, DAYS, NAMES = 80, 625, 30
WEIGHT, NEW_A_DAY, HELD = 0.1, 2, 10
KINDS = (EffectKind.BLOCK_BUY, EffectKind.SCALE_SIZE, EffectKind.FORCE_EXIT)


def spec_of(seed: int) -> TrapSpec:
    """A market without structure."""
    return TrapSpec(
        "chased_surge",
        0.0,
        reward=0.0,
        names=NAMES,
        sessions=WARM + DAYS + 1,
        seed=seed,
        spells=False,
    )


def panel_of(dataset: Dataset) -> Panel:
    """The panel that a journal of this whole market would give."""
    table = compute_features(dataset)
    features = np.stack([table.column(name) for name in LEARNABLE], axis=2)
    closes = np.column_stack([dataset.bars[t].close for t in table.tickers]).astype(np.float64)
    at = [iso(time) for time in table.times.astype("datetime64[s]").tolist()]
    return Panel(
        "market", at, np.arange(len(at)), list(table.tickers), LEARNABLE, features, closes,
        np.ones_like(closes),
    )  # fmt: skip


def draw_rules(panel: Panel, count: int, rng: np.random.Generator) -> list[Rule]:
    """Rules of one or two conditions that touch between 5 % and 70 % of the judged names."""
    rows = entry_evidence([panel], {}, POLICY, HELD, 0.0)
    grid = make_grid(rows.names, rows.rows, rows.excess, 20)
    found: list[Rule] = []
    while len(found) < count:
        size = int(rng.integers(1, 3))
        picked = rng.choice(len(grid.conditions), size, replace=False)
        when = tuple(grid.conditions[i] for i in picked)
        share = holds(when, rows.names, rows.rows).mean()
        if len({c.feature for c in when}) < size or not 0.05 <= share <= 0.7:
            continue
        found.append(_rule(len(found) + 1, when, KINDS[int(rng.integers(len(KINDS)))]))
    return found


def _rule(number: int, when: tuple[Condition, ...], kind: EffectKind) -> Rule:
    value = 0.5 if kind is EffectKind.SCALE_SIZE else None
    category = Category.EXIT if kind is EffectKind.FORCE_EXIT else Category.ENTRY
    return Rule(
        id=f"R{number:04d}", category=category, when=when, then=Effect(kind=kind, value=value),
        priority=5, because="drawn at random",
    )  # fmt: skip


def play(panel: Panel, opens: Floats, rules: Sequence[Rule | None]) -> Floats:
    """Daily returns of one account a version, ``[days, versions]``; ``None`` is no rule."""
    names, rows = panel.names, panel.features
    entry = candidates(panel, POLICY)
    count, wide = len(rules), len(panel.tickers)
    scale = np.ones((len(panel.at), count, wide))
    leave = np.zeros((len(panel.at), count, wide), dtype=bool)
    for v, rule in enumerate(rules):
        if rule is None:
            continue
        mask = holds(rule.when, names, rows)
        if rule.then.kind is EffectKind.FORCE_EXIT:
            leave[:, v] = mask
        else:
            scale[:, v] = np.where(mask, rule.then.value or 0.0, 1.0)
    ranks = np.nan_to_num(rows[:, :, names.index(str(POLICY.rank_by))], nan=-np.inf)
    cash, shares = np.ones(count), np.zeros((count, wide))
    age = np.zeros((count, wide), dtype=np.int64)
    sell = np.zeros((count, wide), dtype=bool)
    want = np.zeros((count, wide))
    before = np.ones(count)
    found = np.zeros((DAYS, count))
    for t in range(WARM, WARM + DAYS + 1):
        price = opens[t]
        cash = cash + (shares * price * sell).sum(axis=1)
        shares = np.where(sell, 0.0, shares)
        cost = want * before[:, None]
        room = np.minimum(1.0, cash / np.maximum(cost.sum(axis=1), 1e-12))
        cost = cost * room[:, None]
        cash = cash - cost.sum(axis=1)
        shares = shares + cost / price
        age = np.where(shares > 0, age + 1, 0)
        equity = cash + (shares * panel.closes[t]).sum(axis=1)
        if t > WARM:
            found[t - WARM - 1] = equity / before - 1.0
        before = equity
        sell = (shares > 0) & ((age >= HELD) | leave[t])
        open_to = entry[t][None, :] & (shares == 0) & (scale[t] > 0)
        order = np.argsort(np.where(open_to, -ranks[t][None, :], np.inf), axis=1)[:, :NEW_A_DAY]
        want = np.zeros((count, wide))
        np.put_along_axis(want, order, WEIGHT, axis=1)
        want = want * open_to * scale[t]
    return found


def market(seed: int, versions: int) -> Floats:
    """Returns of all versions on one market."""
    dataset = make_trap_market("null", spec_of(seed))
    panel = panel_of(dataset)
    opens = np.column_stack([dataset.bars[t].open for t in panel.tickers]).astype(np.float64)
    rules = draw_rules(panel, versions - 1, np.random.default_rng([seed, 5]))
    return play(panel, opens, [None, *rules])


def check(seed: int, versions: int) -> list[tuple[str, float, float]]:
    """Effect, and correlation and ratio of volatility, of fast and real daily differences."""
    from kisbt.config import CostSettings
    from kisbt.data.features.catalogue import FEATURES
    from kisbt.rulebook.draft import Draft
    from kisbt.rulebook.store import PromptStore
    from kisbt.run.order import Order, specs_of
    from kisbt.run.paired import day_returns

    dataset = make_trap_market("null", spec_of(seed))
    panel = panel_of(dataset)
    rules = draw_rules(panel, versions - 1, np.random.default_rng([seed, 5]))
    fast = market(seed, versions)
    with tempfile.TemporaryDirectory(prefix="kisbt-null-") as folder:
        settings = project(Path(folder), spec_of(seed), holdout=120)
        store = PromptStore(settings.folder("prompts"), catalogue={f.name: f for f in FEATURES})
        first = store.current()
        for rule in rules:
            store.add(
                Draft(author="human", summary=rule.id, policy=POLICY, rules=(rule,),
                      text=first.text)
            )  # fmt: skip
        free = CostSettings(commission_rate=0.0, etf_commission_rate=0.0, tax=False)
        (spec,) = specs_of(Order(), settings)
        specs = [
            spec.model_copy(update={"prompt": n, "costs": free}) for n in range(1, versions + 1)
        ]
        real = day_returns(specs, settings)
    whole = np.column_stack([one.returns[-DAYS:] for one in real])
    told = []
    for v, rule in enumerate(rules, start=1):
        mine, theirs = fast[:, v] - fast[:, 0], whole[:, v] - whole[:, 0]
        spread = float(mine.std() / theirs.std()) if theirs.std() else float("nan")
        told.append((rule.then.kind.value, float(np.corrcoef(mine, theirs)[0, 1]), spread))
    return told


def main() -> int:
    """Make the bank."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.null_rules", description=__doc__)
    parser.add_argument("--markets", type=int, default=300)
    parser.add_argument("--versions", type=int, default=25)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    if asked.check:
        for kind, correlation, spread in check(asked.first_seed, min(asked.versions, 7)):
            print(f"{kind}: correlation {correlation:.3f}, volatility ratio {spread:.3f}")
        return 0
    seeds = range(asked.first_seed, asked.first_seed + asked.markets)
    bank = np.stack([market(seed, asked.versions) for seed in seeds])
    if asked.out:
        np.savez_compressed(asked.out, returns=bank.astype(np.float32))
    print(f"{bank.shape[0]} markets, {bank.shape[1]} days, {bank.shape[2]} versions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
