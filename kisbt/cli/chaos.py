"""``kisbt chaos``: break live sessions at every point of an order's path, and see what is left."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kisbt.cli.output import JsonFlag, emit_json, emit_table, note

if TYPE_CHECKING:
    from kisbt.run.chaos import Cell, Table


def chaos(
    seed: Annotated[int, typer.Option("--seed", help="Of market, simulator and waits.")] = 0,
    faults: Annotated[
        str | None, typer.Option("--faults", help="Names, comma-separated; default: all.")
    ] = None,
    points: Annotated[
        str | None, typer.Option("--points", help="Points of the path; default: all.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Processes to use.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Strike live sessions with every named fault at every point of an order's path (고장 시험).

    On the embedded simulator; a session takes about a second. Exit 1 if anything was doubled,
    lost, passed or left open.
    """
    from kisbt.run.chaos import run_chaos

    told = (lambda _cell: None) if as_json else _say
    table = run_chaos(_names(faults), _names(points), seed=seed, jobs=jobs, step=told)
    if as_json:
        emit_json(_plain(table))
    else:
        _show(table)
    if not table.clean:
        raise typer.Exit(1)


COLUMNS = (
    "fault", "survived", "doubled", "lost", "breaches", "stale", "open", "errors", "recovery",
)  # fmt: skip


def _show(table: "Table") -> None:
    rows = [
        [
            row.fault,
            f"{row.survived}/{len(row.cells)}",
            *(str(row.total(what)) for what in _COUNTS),
            _span(row.longest),
        ]
        for row in table.rows
    ]
    sessions = sum(len(row.cells) for row in table.rows)
    title = (
        f"chaos · seed {table.seed} · {len(table.rows)} faults x {len(table.points)} points · "
        f"{sessions} sessions in {table.seconds:,.0f} s"
    )
    emit_table(title, COLUMNS, rows)
    if table.clean:
        typer.echo("nothing doubled, nothing lost, no limit passed (이상 없음)")
        return
    for row in table.rows:
        for cell in row.cells:
            for line in _wrong(cell):
                typer.echo(f"{cell.fault} at {cell.point}: {line}")


def _wrong(cell: "Cell") -> tuple[str, ...]:
    return cell.lines if cell.struck else ("the session never came to that point", *cell.lines)


_COUNTS = ("doubled", "lost", "breaches", "stale", "unresolved", "errors")


def _say(cell: "Cell") -> None:
    if not cell.survived:
        note(f"{cell.fault} at {cell.point}: {'; '.join(_wrong(cell))}")


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name for name in (text or "").replace(" ", "").split(",") if name)


def _span(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}h{rest // 60:02}m" if hours else f"{rest // 60}m{rest % 60:02}s"


def _plain(table: "Table") -> dict[str, Any]:
    return {
        "seed": table.seed,
        "sessions": sum(len(row.cells) for row in table.rows),
        "seconds": round(table.seconds, 1),
        "clean": table.clean,
        "faults": [
            {
                "fault": row.fault,
                "what": row.what,
                "survived": row.survived,
                "points": len(row.cells),
                **{what: row.total(what) for what in _COUNTS},
                "longest_recovery_seconds": row.longest,
                "failed": [
                    {"point": cell.point, "lines": list(_wrong(cell))}
                    for cell in row.cells
                    if not cell.survived
                ],
            }
            for row in table.rows
        ],
    }
