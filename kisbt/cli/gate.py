"""``kisbt gate`` and ``kisbt power``: is the gate honest, what did it say, what can it see."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, note, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kisbt.config import Settings
    from kisbt.gate.calibrate import Rate, Report

app = typer.Typer(
    help="The gate (승격 심사) that tests a challenger against the champion.",
    invoke_without_command=True,
)

_PROMISES = {
    "kept": "false promotions are at most 1.5 % by the upper 95 % bound, under every null",
    "open": "not yet proved: an upper 95 % bound is above 1.5 %; take more --campaigns",
    "broken": "false promotions exceed 1.5 %: the gate does not keep its promise here",
}
_KINDS = ("iid", "related", "skew", "crash")


@app.callback()
def gate(
    ctx: typer.Context,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure false promotions (오승격률) and power.")
    ] = False,
    campaigns: Annotated[int, typer.Option("--campaigns", min=1, help="A cell.")] = 3000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same table.")] = 0,
    kind: Annotated[str, typer.Option("--kind", help="iid, related, skew, crash or all.")] = "all",
    power_too: Annotated[
        bool, typer.Option("--power/--no-power", help="Power tables and curve as well.")
    ] = True,
    spa: Annotated[bool, typer.Option("--spa", help="Judge by SPA, too (minutes more).")] = False,
    bank: Annotated[
        Path | None,
        typer.Option("--bank", help="Only this bank of returns: python -m benchmarks.null_rules."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Processes; default: all cores.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Test a challenger against the champion (승격 심사): calibrate, explain."""
    if ctx.invoked_subcommand is not None:
        return
    if not calibrate:
        typer.echo(ctx.get_help())
        raise typer.Exit
    import os
    import time

    from kisbt.gate.calibrate import calibrate as measure_all

    if kind not in (*_KINDS, "all"):
        raise typer.BadParameter(f"one of {', '.join(_KINDS)}, all", param_hint="--kind")
    begun = time.perf_counter()
    if bank is not None:
        _calibrate_bank(bank, settings(config), campaigns, seed, as_json)
        return
    report = measure_all(
        settings(config).gate,
        kinds=[one for one in _KINDS if kind in (one, "all")],  # type: ignore[misc]
        campaigns=campaigns,
        seed=seed,
        with_power=power_too,
        with_spa=spa,
        jobs=jobs or os.cpu_count() or 1,
        progress=note,
    )
    took = time.perf_counter() - begun
    if as_json:
        tables = {name: [rate.as_json() for rate in rates] for name, rates in _tables(report)}
        emit_json({"campaigns": campaigns, "seed": seed, "promise": report.promise, **tables})
    else:
        _print_report(report)
    note(f"{campaigns} campaigns a cell, seed {seed}, {took:.0f} s")
    note(_PROMISES[report.promise])
    if report.promise == "broken":
        raise typer.Exit(1)


def _calibrate_bank(
    path: Path, chosen: "Settings", campaigns: int, seed: int, as_json: bool
) -> None:
    from kisbt.gate.bank import measure_bank, read_bank

    stored = read_bank(path)
    rates = [
        measure_bank(stored, chosen.gate, versions=n, campaigns=campaigns, seed=seed)
        for n in (5, 20)
        if n < stored.shape[2]
    ]
    if as_json:
        emit_json({"campaigns": campaigns, "seed": seed, "rates": [r.as_json() for r in rates]})
        return
    emit_table(
        "False promotions a campaign (오승격률): rules without a reason",
        ("versions", "days", "markets", "campaigns", "max-T", "rate", "s.e.", "upper 95 %"),
        [
            (r.versions, f"{r.days}+{r.holdout}", r.markets, r.campaigns,
             f"{r.flips / r.campaigns:.4f}", f"{r.rate:.4f}", f"{r.error:.4f}", f"{r.upper:.4f}")
            for r in rates
        ],
    )  # fmt: skip


def _tables(report: "Report") -> "Sequence[tuple[str, list[Rate]]]":
    return (
        ("false_promotions", report.nulls),
        ("rules", report.rules),
        ("power", report.power),
        ("curve", report.curve),
    )


def _print_report(report: "Report") -> None:
    emit_table(
        "False promotions a campaign (오승격률): every challenger equals the champion",
        ("null", "versions", "days", "rate", "s.e.", "upper 95 %"),
        [
            (r.cell.kind, r.cell.versions, f"{r.cell.days}+{r.cell.holdout}", *_figures(r))
            for r in report.nulls
        ],
    )
    emit_table(
        "The same by other rules",
        ("null", "versions", "rule", "rate", "s.e.", "upper 95 %"),
        [(r.cell.kind, r.cell.versions, r.rule, *_figures(r)) for r in report.rules],
    )
    if report.curve:
        emit_table(
            "Power (검정력): 5 versions, one truly better",
            ("world", "days", "information ratio", "promoted", "s.e."),
            [
                (r.cell.kind, f"{r.cell.days}+{r.cell.holdout}", r.cell.ir, *_figures(r)[:2])
                for r in report.curve
            ],
        )


def _figures(rate: "Rate") -> tuple[str, str, str]:
    return f"{rate.rate:.4f}", f"{rate.error:.4f}", f"{rate.upper:.4f}"


@app.command()
def explain(
    version: Annotated[
        str, typer.Argument(help="Prompt version number (프롬프트 번호), or the start of its hash.")
    ],
    lang: Annotated[str | None, typer.Option("--lang", help="ko or en.")] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Print every test ever made of a version, with numbers (심사 기록)."""
    from kisbt.gate.explain import story_lines, version_story
    from kisbt.journal.database import DatabaseManager

    chosen = settings(config)
    lang = lang or chosen.lang
    if lang not in ("ko", "en"):
        raise typer.BadParameter("ko or en", param_hint="--lang")
    name = version
    if version.isdigit() and len(version) < 7:
        from kisbt.rulebook.store import PromptStore

        name = PromptStore(chosen.folder("prompts")).load(int(version)).hash
    with DatabaseManager(chosen.journal_url(), create=False) as db:
        stories = version_story(db, name, chosen.gate)
    if as_json:
        emit_json({"version": stories[0].decision.version, "campaigns":
                   [story.as_json() for story in stories]})  # fmt: skip
        return
    for line in story_lines(stories, lang):
        print(line)


def power(
    days: Annotated[int, typer.Option("--days", min=1, help="Development days (개발 구간).")] = 500,
    holdout: Annotated[int, typer.Option("--holdout", min=1, help="Holdout days.")] = 125,
    ir: Annotated[
        list[float] | None,
        typer.Option("--ir", help="Yearly information ratio (정보비율); may be repeated."),
    ] = None,
    variants: Annotated[int, typer.Option("--variants", min=1, help="Versions tried.")] = 5,
    simulate: Annotated[
        int, typer.Option("--simulate", min=0, help="Check by so many campaigns.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the simulation.")] = 0,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what could be detected at all, before any run (검정력 계산)."""
    from kisbt.evidence.power import (
        best_of_useless,
        days_needed,
        gate_power,
        max_t_days,
        smallest_detectable,
    )

    chosen = settings(config)
    limits = chosen.gate
    rows: list[dict[str, Any]] = []
    for ratio in ir or [0.5, 1.0, 1.5, 2.0, 3.0]:
        found = gate_power(
            ratio,
            days,
            holdout,
            variants,
            block=limits.block,
            level=limits.level,
            skew_level=limits.skew_level,
            skew_below=limits.skew_below,
            holdout_level=limits.holdout_level,
        )
        alone = days_needed(ratio)
        row: dict[str, Any] = {
            "ir": ratio,
            **found._asdict(),
            "days_alone": round(alone) if ratio > 0 else None,
            "days_for_80": max_t_days(
                ratio, n_variants=variants, block=limits.block, level=limits.level
            ),
        }
        if simulate:
            from kisbt.gate.calibrate import GATE, Cell, measure

            cell = Cell("iid", variants, days, holdout, ratio)
            rates = measure(cell, limits, campaigns=simulate, seed=seed)
            (rate,) = (one for one in rates if one.rule == GATE)
            row |= {"simulated": rate.rate, "error": rate.error}
        rows.append(row)
    least = smallest_detectable(days, n_variants=variants, block=limits.block, level=limits.level)
    luck = best_of_useless(variants, days)
    if as_json:
        emit_json({"days": days, "holdout": holdout, "variants": variants,
                   "smallest_detectable_ir": least, "best_of_useless_sharpe": luck,
                   "rows": rows})  # fmt: skip
        return
    titles = {"ir": "정보비율", "development": "개발 통과", "holdout": "홀드아웃 통과",
              "both": "승격 확률", "days_alone": "단독 검정 80% 일수",
              "days_for_80": "개발 심사 80% 일수", "simulated": "모의실험",
              "error": "표준오차"}  # fmt: skip
    shown = [
        [f"{v:.3f}" if isinstance(v, float) and k != "ir" else v for k, v in row.items()]
        for row in rows
    ]
    title = f"power of {variants} versions over {days} + {holdout} days"
    emit_table(title, [titles[name] for name in rows[0]], shown)
    print(f"smallest information ratio with 80 % power in development: {least:.2f}")
    print(f"best of {variants} useless versions by luck: yearly Sharpe {luck:.2f}")
