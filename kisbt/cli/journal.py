"""``kisbt journal``."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, settings

if TYPE_CHECKING:
    from pathlib import Path

    from kisbt.journal.database import DatabaseManager
    from kisbt.journal.record import TradeRecord

app = typer.Typer(
    help="The journal (매매 일지): runs, trades, worst trades, explanations.", no_args_is_help=True
)

RunOption = Annotated[str | None, typer.Option("--run", help="Only this run (see journal runs).")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many rows.")]


@app.command("runs")
def runs(limit: LimitOption = 20, as_json: JsonFlag = False, config: ConfigOption = None) -> None:
    """List runs (실행 목록), newest first."""
    with _open(config) as db:
        found = db.runs(limit=limit)
        name = db.name
    if as_json:
        emit_json({"journal": name, "runs": [run._asdict() for run in found]})
        return
    emit_table(
        f"Runs in {name}",
        ["run", "mode", "status", "strategy", "prompt", "data", "ticks", "trades"],
        [
            [r.run_id, r.mode, r.status, r.strategy, r.prompt_number, r.dataset_name, r.ticks,
             r.trades]
            for r in found
        ],
    )  # fmt: skip


@app.command("trades")
def trades(
    run: RunOption = None,
    first: Annotated[str | None, typer.Option("--from", help="First day, 2024-01-02.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, included.")] = None,
    ticker: Annotated[str | None, typer.Option("--ticker", help="Only this name.")] = None,
    limit: LimitOption = 50,
    as_json: JsonFlag = False,
    config: ConfigOption = None,
) -> None:
    """List trades (체결 목록), oldest first."""
    with _open(config) as db:
        if run is not None:
            db.run(run)
        found = db.get_trades_by_period(first, last, ticker=ticker, run_id=run, limit=limit)
    _emit("Trades", found, as_json)


@app.command("worst")
def worst(
    limit: LimitOption = 20,
    run: RunOption = None,
    days: Annotated[int, typer.Option("--days", help="Result after 7 or 30 days.")] = 7,
    as_json: JsonFlag = False,
    config: ConfigOption = None,
) -> None:
    """List the worst trades (최악의 매매) by their 7- or 30-day result."""
    if days not in (7, 30):
        raise typer.BadParameter("7 or 30", param_hint="--days")
    with _open(config) as db:
        if run is not None:
            db.run(run)
        found = db.get_worst_trades(limit, run_id=run, days=30 if days == 30 else 7)
    _emit(f"Worst trades after {days} days", found, as_json)


@app.command("explain")
def explain(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="Trade, RUN:TICK[:SEQ], or a rule (R0007).")
    ],
    lang: Annotated[str | None, typer.Option("--lang", help="ko or en.")] = None,
    as_json: JsonFlag = False,
    config: ConfigOption = None,
) -> None:
    """Print why (근거): snapshot, prompt, plan, verdicts, order, fills, result; or of a rule."""
    from kisbt.journal.chain import read_chain
    from kisbt.journal.explain import explain_lines
    from kisbt.journal.explain_rule import learnt_from, learnt_lines, rule_json, rule_lines
    from kisbt.journal.reflections import Reflections

    lang = lang or settings(config).lang
    if lang not in ("ko", "en"):
        raise typer.BadParameter("ko or en", param_hint="--lang")
    with _open(config) as db:
        kept = Reflections(db)
        if re.fullmatch(r"R\d{4}", identifier):
            history = kept.rule_history(identifier)
            told, lines = rule_json(history), list(rule_lines(history, lang))
        else:
            chain = read_chain(db, identifier)
            learnt = learnt_from(kept, identifier)
            told = {**chain.as_json(), "learnt": learnt}
            lines = [*explain_lines(chain, lang), *learnt_lines(learnt, lang)]
    if as_json:
        emit_json(told)
        return
    for line in lines:
        print(line)


def _open(config: "Path | None") -> "DatabaseManager":
    from kisbt.journal.database import DatabaseManager

    return DatabaseManager(settings(config).journal_url(), create=False)


def _emit(title: str, found: "list[TradeRecord]", as_json: bool) -> None:
    if as_json:
        emit_json({"trades": [trade.model_dump() for trade in found]})
        return
    emit_table(
        title,
        ["id", "day", "ticker", "action", "shares", "price", "7 days", "30 days", "why"],
        [
            [t.trade_id, t.timestamp[:10], t.ticker, t.action.value, t.quantity, t.price,
             _percent(t.pnl_7_days), _percent(t.pnl_30_days), t.justification_text]
            for t in found
        ],
    )  # fmt: skip


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:+.2%}"
