"""``kisbt live``: trade, on the simulator, on paper or with real money; ``--status`` looks on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kisbt.cli.backtest import CashOption, DataOption, StrategyOption, TickersOption
from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, note, settings
from kisbt.errors import ConfigError

if TYPE_CHECKING:
    from kisbt.config import Settings
    from kisbt.run.live_command import LiveOutcome
    from kisbt.run.live_status import LiveStatus


def live(
    mock: Annotated[
        bool, typer.Option("--mock", "--paper", help="Paper trading (모의투자); the default.")
    ] = False,
    real: Annotated[
        bool, typer.Option("--real", help="Real money (실전); needs allow_real, and asks.")
    ] = False,
    sim: Annotated[
        bool, typer.Option("--sim", help="The embedded simulator, whatever keys are there.")
    ] = False,
    days: Annotated[
        int | None, typer.Option("--days", min=1, help="End after so many sessions (거래일 수).")
    ] = None,
    speed: Annotated[
        str, typer.Option("--speed", help="Of the simulator: lockstep, real, or N times.")
    ] = "lockstep",
    strategy: StrategyOption = None,
    prompt: Annotated[
        int | None, typer.Option("--prompt", help="Prompt version; default: the current one.")
    ] = None,
    data: DataOption = None,
    tickers: TickersOption = None,
    frequency: Annotated[
        str | None, typer.Option("--frequency", help="Decision bar: 1d, 1m or 5m (판단 주기).")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First day of the simulator, YYYY-MM-DD.")
    ] = None,
    cash: CashOption = None,
    llm: Annotated[
        Literal["rulebook", "openai", "replay"],
        typer.Option("--llm", help="Who decides: no model, a model, or its recorded replies"),
    ] = "rulebook",
    model: Annotated[str | None, typer.Option("--model", help="Model name (모델)")] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="OpenAI-compatible server of the model.")
    ] = None,
    draws: Annotated[
        int | None, typer.Option("--draws", min=1, max=99, help="Draws a decision (반복 추출)")
    ] = None,
    no_blind: Annotated[
        bool, typer.Option("--no-blind", help="Show names and prices to the model.")
    ] = False,
    budget_krw: Annotated[
        float | None, typer.Option("--budget-krw", help="Hold once so many won are spent (예산)")
    ] = None,
    budget_calls: Annotated[
        int | None, typer.Option("--budget-calls", help="Hold after so many calls (호출 예산)")
    ] = None,
    approve: Annotated[
        str | None,
        typer.Option(
            "--approve", help="Orders wait for `kisbt approve`: all, or those above N won (승인)."
        ),
    ] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take over positions kisbt did not make.")
    ] = False,
    ignore: Annotated[bool, typer.Option("--ignore", help="Leave such positions alone.")] = False,
    refuse: Annotated[
        bool, typer.Option("--refuse", help="Do not start while there are such positions.")
    ] = False,
    keep_orders: Annotated[
        bool, typer.Option("--keep-orders", help="Leave resting orders when stopped early.")
    ] = False,
    cancel_orders: Annotated[
        bool, typer.Option("--cancel-orders", help="Cancel them; the default.")
    ] = False,
    decide_at: Annotated[
        str | None, typer.Option("--decide-at", help="Only at these times: 10:00,14:30.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End after one session.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Show what the journal knows, and end (현황).")
    ] = False,
    account: Annotated[
        str | None, typer.Option("--account", help="With --status: only this account.")
    ] = None,
    config_dir: Annotated[
        Path | None, typer.Option("--config-dir", help="Folder of kis_devlp.yaml.")
    ] = None,
    lang: Annotated[str | None, typer.Option("--lang", help="ko or en: language of pages")] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Trade with the strategy of a backtest, unchanged (실시간 매매).

    With paper keys it trades KIS paper; without keys it starts the embedded simulator on the
    sample. Nothing but the broker, the feed and the clock differs from a backtest.
    """
    loaded = settings(config)
    if status:
        _show_status(loaded, account, as_json=as_json)
        return
    if real and (mock or sim):
        raise ConfigError("--real excludes --mock and --sim", hint="choose one account")
    if once and days not in (None, 1):
        raise ConfigError("--once and --days exclude each other", hint="leave one out")
    from kisbt.run.live_command import trade
    from kisbt.run.live_order import LiveOrder
    from kisbt.run.order import Order, with_language

    order = LiveOrder(
        venue="real" if real else "sim" if sim else "auto",
        days=1 if once else days,
        speed=speed,
        strategy=strategy,
        prompt=prompt,
        data=data,
        tickers=tickers,
        frequency=frequency,
        first=first,
        cash=cash,
        approve=approve,
        foreign=_one("--adopt, --ignore", {"adopt": adopt, "ignore": ignore, "refuse": refuse}),
        resting=_one("--keep-orders", {"keep": keep_orders, "cancel": cancel_orders}),
        decide_at=decide_at,
        config_dir=config_dir,
        asks=Order(
            llm=llm,
            model=model,
            base_url=base_url,
            draws=draws,
            blind=not no_blind,
            budget_krw=budget_krw,
            budget_calls=budget_calls,
        ),
    )
    outcome = trade(order, with_language(loaded, lang), confirm=input, quiet=as_json)
    if as_json:
        emit_json(outcome.as_json())
    else:
        _show(outcome)
    if outcome.failed:
        raise typer.Exit(1)


def _one(what: str, given: dict[str, bool]) -> str | None:
    chosen = [name for name, yes in given.items() if yes]
    if len(chosen) > 1:
        raise ConfigError(f"{what}: choose one of {', '.join(given)}")
    return chosen[0] if chosen else None


def _show(outcome: "LiveOutcome") -> None:
    emit_table(outcome.title, ("", "result"), [[*pair] for pair in outcome.figures().items()])
    for page in outcome.pages:
        typer.echo(f"{page.stem}: {page}")
    note(outcome.ending)


def _show_status(loaded: "Settings", account: str | None, *, as_json: bool) -> None:
    from kisbt.journal.database import DatabaseManager
    from kisbt.run.live_status import live_status

    with DatabaseManager(loaded.journal_url(), create=False) as db:
        found = live_status(db, account)
    if as_json:
        emit_json({"accounts": [_plain(each) for each in found]})
        return
    for each in found:
        _print_status(each)


def _plain(found: "LiveStatus") -> dict[str, Any]:
    return {
        **found._asdict(),
        "halts": [halt._asdict() for halt in found.halts],
        "approvals": [
            {**a._asdict(), "orders": [o.model_dump(mode="json") for o in a.orders]}
            for a in found.approvals
        ],
        "alerts": [alert._asdict() for alert in found.alerts],
    }


def _print_status(found: "LiveStatus") -> None:
    rows: list[tuple[str, str]] = [
        ("run", f"{found.run_id} · {found.status}"),
        ("strategy", f"{found.strategy} · {found.decider}"),
        ("prompt", "-" if found.prompt is None else str(found.prompt)),
        ("last sign of life", found.heartbeat_at[:19]),
        ("last bar (마지막 봉)", found.at[:19] if found.at else "-"),
        ("equity (평가금액)", "-" if found.equity is None else f"{found.equity:,} won"),
        ("cash (현금)", "-" if found.cash is None else f"{found.cash:,} won"),
        ("state (상태)", f"{found.trading_mode or '-'} {found.trading_reason or ''}".strip()),
    ]
    rows += [("HALT (정지)", f"{h.reason} · {h.halted_at[:19]}") for h in found.halts]
    rows += [("waits (승인 대기)", f"{a.approval_id}: {a.question}") for a in found.approvals]
    emit_table(f"{found.mode} · {found.scope}", ("", ""), rows)
    for title, listed in (
        ("Positions (보유)", found.positions),
        ("Open orders (미체결)", found.orders),
        ("Last decisions (최근 결정)", found.decisions),
    ):
        if listed:
            emit_table(title, list(listed[0]), [list(row.values()) for row in listed])
    for alert in found.alerts:
        note(f"{alert.at[:19]} {alert.level}: {alert.message}")
