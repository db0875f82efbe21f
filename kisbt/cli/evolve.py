"""``kisbt evolve``: walk through history as if living it, and say whether learning helped."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, settings

if TYPE_CHECKING:
    from kisbt.report.wording import Lang
    from kisbt.run.evolve import Evolved


def evolve(
    data: Annotated[str | None, typer.Option("--data", help="Dataset to walk through.")] = None,
    weeks: Annotated[
        int | None, typer.Option("--weeks", min=1, help="Weeks to live through; default: all.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First day lived; earlier ones are the past.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, included.")] = None,
    prompt: Annotated[
        int | None, typer.Option("--prompt", min=1, help="Version to begin under.")
    ] = None,
    tickers: Annotated[
        str | None, typer.Option("--tickers", help="Only these names, separated by commas.")
    ] = None,
    cash: Annotated[int | None, typer.Option("--cash", help="Starting cash, won.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of all random draws.")] = None,
    rest: Annotated[
        int, typer.Option("--rest", min=1, help="Weeks to wait after nothing could be tested.")
    ] = 4,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Processes for replays; default: all cores.")
    ] = None,
    lang: Annotated[str | None, typer.Option("--lang", help="ko or en.")] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Evolve (진화): trade a week, reflect, let the gate decide, go on; then the report.

    Works in results/evolve-<id> with its own prompts and journal. Interrupted, the same command
    goes on where it stopped.
    """
    from kisbt.run.evolve import EvolveOrder, run_evolution
    from kisbt.run.order import with_language
    from kisbt.run.prepare import parse_day

    chosen = with_language(settings(config), lang)
    order = EvolveOrder(
        data=data,
        weeks=weeks,
        first=parse_day(first, "--from"),
        last=parse_day(last, "--to"),
        prompt=prompt,
        tickers=tickers,
        cash=cash,
        seed=seed,
        rest=rest,
        jobs=jobs,
    )
    done = run_evolution(order, chosen, quiet=as_json)
    if as_json:
        emit_json(_plain(done))
        return
    _show(done, chosen.lang)


def _plain(done: "Evolved") -> dict[str, Any]:
    facts = {name: value for name, value in done.facts.items() if name not in ("days", "records")}
    facts["accounts"] = {
        name: {key: value for key, value in account.items() if key != "growth"}
        for name, account in done.facts["accounts"].items()
    }
    moves = [
        {"week": record["week"], "day": record["last"], **record["move"]}
        for record in done.records
        if record["move"] is not None
    ]
    return {**facts, "moves": moves, "folder": str(done.home.folder),
            "report": str(done.home.report)}  # fmt: skip


def _show(done: "Evolved", which: "Lang") -> None:
    from kisbt.report.evolution_words import (
        claim,
        move_words,
        trials_words,
        verdict,
        word,
        yearly_words,
    )
    from kisbt.report.wording import write_figure

    facts = done.facts
    shown = ("total_return", "cagr", "max_drawdown")
    rows = [
        [
            word(name, which),
            *(write_figure(facts["accounts"][name][key], "signed", which) for key in shown),
        ]
        for name in ("evolving", "frozen", "market")
    ]
    heads = ("", *(word(name, which) for name in shown))
    emit_table(word("accounts", which), heads, rows)
    compared = [
        [word(name, which), yearly_words(facts[name], which), claim(facts[name], which)]
        for name in ("against_frozen", "against_market", "frozen_against_market")
    ]
    emit_table("", ("", word("yearly", which), word("claim", which)), compared)
    for record in done.records:
        if record["move"] is not None:
            typer.echo(f"{record['last']}  {move_words(record['move'], which)}")
    typer.echo(trials_words(facts, which))
    typer.echo(verdict(facts, which))
    typer.echo(str(done.home.report))
