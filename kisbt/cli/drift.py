"""``kisbt drift``: how far live trading came out from its own backtest, in won, by cause."""

from datetime import date
from typing import Annotated, Any

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, settings


def drift(
    day: Annotated[
        str | None, typer.Option("--day", help="One session, YYYY-MM-DD; default: the last five.")
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", help="A live run; default: the newest.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Dataset with the bars; default: the run's own.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run live days again as a backtest, and split the difference in won (드리프트).

    Each day starts from the account as it stood live. Exit 1 when the sum of the days shown is
    beyond its budget ([live] drift_budget_bp).
    """
    from kisbt.journal.database import DatabaseManager
    from kisbt.run.drift import PARTS, DriftRun, days_of, latest_live
    from kisbt.run.drift_duty import SPAN, beyond
    from kisbt.run.prepare import parse_day

    loaded = settings(config)
    chosen = parse_day(day, "--day")
    with DatabaseManager(loaded.journal_url(), create=False) as db:
        run_id = run or latest_live(db)
        days = [chosen] if chosen is not None else days_of(db, run_id)[-SPAN:]
        again = DriftRun(db, loaded, run_id, max(days, default=date.max), data=data)
        found = [again.drift(each) for each in days]
    said = beyond(found, loaded.live.drift_budget_bp)
    if as_json:
        emit_json({"run": run_id, "days": [_plain(each) for each in found], "beyond": said})
    else:
        rows: list[list[Any]] = [
            [each.day.isoformat(), each.total, f"{each.basis_points(each.total):+.2f}",
             *(getattr(each, part) for part in PARTS)]
            for each in found
        ]  # fmt: skip
        sums = [sum(getattr(each, part) for each in found) for part in PARTS]
        total = sum(each.total for each in found)
        rows.append(["sum", total, "", *sums])
        emit_table(f"{run_id} · won", ("day", "live - backtest", "bp", *PARTS), rows)
        for each in found:
            if each.held:
                typer.echo(f"{each.day}: {each.held} decisions not repeated: no reply in the cache")
    if said:
        if not as_json:
            typer.echo(said)
        raise typer.Exit(1)


def _plain(found: Any) -> dict[str, Any]:
    return {
        **found._asdict(),
        "total": found.total,
        "bp": round(found.basis_points(found.total), 4),
    }
