"""``kisbt reflect``: learn from the journal's losses."""

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, note, settings

if TYPE_CHECKING:
    from kisbt.report.wording import Lang
    from kisbt.run.reflect import Reflected


def reflect(
    since: Annotated[str | None, typer.Option("--since", help="First day, 2024-01-02.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Last day, included.")] = None,
    runs: Annotated[
        str | None, typer.Option("--runs", help="Only these runs, separated by commas.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", help="backtest, sim, paper, real; several by commas.")
    ] = None,
    llm: Annotated[
        bool, typer.Option("--llm", help="Let the configured model read the worst trades.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write no version and try nothing (연습 실행).")
    ] = False,
    candidates: Annotated[
        int | None, typer.Option("--candidates", min=1, max=12, help="Versions to try at most.")
    ] = None,
    require_approval: Annotated[
        bool, typer.Option("--require-approval", help="Leave the promotion to kisbt approve.")
    ] = False,
    kis: Annotated[
        str | None, typer.Option("--kis", help="Check against KIS's own books: paper or real.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes for replays.")] = 1,
    schedule: Annotated[
        bool, typer.Option("--schedule", help="Go on reflecting every week (주간 반성).")
    ] = False,
    at: Annotated[str, typer.Option("--at", help="When, with --schedule; KST.")] = "sun 18:00",
    lang: Annotated[str | None, typer.Option("--lang", help="ko or en.")] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Learn from losses (반성): find patterns, try rules at the gate, write the learning report.

    Interrupted, the same command goes on where it stopped.
    """
    from kisbt.run.order import with_language
    from kisbt.run.prepare import parse_day
    from kisbt.run.reflect import ReflectOrder, run_reflection
    from kisbt.run.reflect_ports import open_books, open_model

    chosen = with_language(settings(config), lang)
    order = ReflectOrder(
        since=parse_day(since, "--since"),
        until=parse_day(until, "--until"),
        runs=_names(runs),
        modes=_names(mode),
        dry_run=dry_run,
        candidates=candidates,
        require_approval=require_approval,
        jobs=jobs,
    )
    with ExitStack() as stack:
        asker = stack.enter_context(open_model(chosen)) if llm else None
        books = stack.enter_context(open_books(kis, chosen, os.environ)) if kis else None
        if schedule:
            from kisbt.run.schedule import rhythm_of
            from kisbt.run.schedule_command import run_schedule

            rhythm = rhythm_of(at)
            note(f"· {at} KST, Ctrl-C")
            run_schedule(order, chosen, asker=asker, kis=books, rhythm=rhythm, listen=_listen)
            return
        tell = _quiet if as_json else _tell
        done = run_reflection(order, chosen, asker=asker, kis=books, tell=tell)
    if as_json:
        emit_json(_plain(done))
        return
    _show(done, chosen.lang)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name for name in (text or "").replace(" ", "").split(",") if name)


def _quiet(_what: str) -> None:
    """Say nothing."""


def _listen(_level: str, line: str) -> None:
    note(line)


def _tell(what: str) -> None:
    note(f"· {what}")


def _plain(done: "Reflected") -> dict[str, Any]:
    update = done.state.get("update") or {"outcome": "no_trades", "candidates": []}
    return {
        "reflection": done.reflection,
        "champion": done.champion.number,
        "outcome": update["outcome"],
        "promoted": update.get("promoted"),
        "waiting": update.get("waiting"),
        "windows": done.windows and done.windows.as_json(),
        "why_untried": done.why_untried,
        "watched": done.watched and done.watched.as_json(),
        "performance": done.state["performance"]["overall"],
        "insights": done.state.get("analysis", {}).get("insights", []),
        "accepted": done.state.get("accepted", []),
        "refused": done.state.get("refused", []),
        "candidates": update["candidates"],
        "report": str(done.report),
    }


def _show(done: "Reflected", which: "Lang") -> None:
    from kisbt.report.learning_words import (
        OUTCOMES,
        change_words,
        claim_word,
        of,
        when_words,
    )

    korean = which == "ko"
    told = _plain(done)
    found = told["performance"]
    insights = [
        [i["id"], when_words(i["when"], which), i["support"], f"{i['loss_rate']:.0%}",
         f"{i['effect']:+.2%}", f"{i['q']:.3f}"]
        for i in told["insights"]
    ]  # fmt: skip
    columns = ("id", "조건", "건수", "손실률", "나머지와의 차이", "q")
    if not korean:
        columns = ("id", "condition", "count", "loss rate", "against the rest", "q")
    rate = "–" if found["win_rate"] is None else f"{found['win_rate']:.1%}"
    head = (
        f"왕복 거래 {found['trips']}건, 승률 {rate}"
        if korean
        else f"{found['trips']} round trips, {rate} won"
    )
    emit_table(head, columns, insights)
    rows = [
        [c["version"], change_words(c["proposal"], which), claim_word(c["ruling"], which),
         (c["ruling"] or {}).get("days_missing")]
        for c in told["candidates"]
    ]  # fmt: skip
    if rows:
        names = ("버전", "변경", "심사", "모자란 거래일")
        emit_table("", names if korean else ("version", "change", "gate", "days missing"), rows)
    typer.echo(of(OUTCOMES, told["outcome"], which))
    if done.watched is not None:
        note(done.watched.line(which))
    if told["why_untried"]:
        note(told["why_untried"])
    typer.echo(told["report"])
