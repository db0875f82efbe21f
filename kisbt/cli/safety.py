"""``kisbt halt``, ``resume``, ``approve`` and ``reject``: a person's hand on every live session."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, note, settings

if TYPE_CHECKING:
    from kisbt.journal.controls import Answer, Approval, Controls, HaltAction
    from kisbt.journal.database import DatabaseManager

ScopeOption = Annotated[
    str | None,
    typer.Option("--account", help="Only this account, as `kisbt live --status` names it."),
]


def halt(
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel resting orders, too (미체결 취소).")
    ] = False,
    liquidate: Annotated[
        bool,
        typer.Option("--liquidate", help="Cancel, then sell everything at market (전량 매도)."),
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Kept in the journal.")] = "",
    account: ScopeOption = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Stop all new orders now (비상 정지), until `kisbt resume`; survives restarts."""
    from kisbt.journal.controls import EVERYWHERE

    action: HaltAction = "liquidate" if liquidate else "cancel" if cancel else ""
    with _journal(config, create=True) as db:
        made = _controls(db).halt(
            reason or "사람이 정지함 (kisbt halt)", scope=account or EVERYWHERE, action=action
        )
    if as_json:
        emit_json({"halt": made._asdict()})
        return
    what = {"": "", "cancel": ", 미체결 취소", "liquidate": ", 미체결 취소 후 전량 매도"}[action]
    typer.echo(f"정지 {made.halt_id}: {_where(made.scope)}{what}")
    note("풀 때까지 새 주문이 나가지 않습니다. 다시 시작: kisbt resume")


def resume(
    account: ScopeOption = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Lift standing halts (정지 해제): all of them, or one account's."""
    with _journal(config) as db:
        lifted = _controls(db).resume(_person(), scope=account)
    if as_json:
        emit_json({"resumed": [halt._asdict() for halt in lifted]})
        return
    if not lifted:
        typer.echo("정지된 것이 없습니다.")
    for each in lifted:
        typer.echo(f"해제 {each.halt_id}: {_where(each.scope)}, {each.reason}")


def approve(
    identifier: Annotated[
        str | None, typer.Argument(metavar="ID", help="Without one: list what waits (대기 목록).")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Let waiting orders go (주문 승인), or a version that passed the gate (RF-..., 승격)."""
    if identifier is None:
        _list_waiting(config, as_json=as_json)
        return
    _answer(identifier, "approved", config, as_json=as_json)


def reject(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="See `kisbt approve`.")],
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Turn waiting orders down (주문 거부), or a version that passed the gate (RF-...)."""
    _answer(identifier, "rejected", config, as_json=as_json)


def _answer(identifier: str, answer: "Answer", config: Path | None, *, as_json: bool) -> None:
    if identifier.startswith("RF-"):
        _answer_reflection(identifier, config, approved=answer == "approved", as_json=as_json)
        return
    with _journal(config) as db:
        done = _controls(db).answer(identifier, answer, _person())
    if as_json:
        emit_json({"approval": _plain(done)})
        return
    word = "승인" if answer == "approved" else "거부"
    typer.echo(f"{word} {done.approval_id}: {done.question}")


def _answer_reflection(
    identifier: str, config: Path | None, *, approved: bool, as_json: bool
) -> None:
    from kisbt.run.promotion import answer_reflection

    with _journal(config) as db:
        done = answer_reflection(db, settings(config), identifier, approved=approved, by=_person())
    if as_json:
        emit_json({"approval": done})
        return
    word = "승격" if approved else "거부"
    typer.echo(f"{word} {identifier}: 프롬프트 버전 {done['version']}")


def _list_waiting(config: Path | None, *, as_json: bool) -> None:
    from kisbt.journal.reflections import Reflections

    with _journal(config) as db:
        waiting = _controls(db).approvals(waiting=True)
        versions = Reflections(db).waiting()
    if as_json:
        told = [{"reflection": r.reflection_id, "version": r.report["waiting"]} for r in versions]
        emit_json({"waiting": [_plain(each) for each in waiting], "versions": told})
        return
    emit_table(
        "승인 대기",
        ["id", "account", "asked", "until", "orders"],
        [
            *(
                [a.approval_id, a.scope, a.asked_at[:16], a.expires_at[:16], a.question]
                for a in waiting
            ),
            *(
                [r.reflection_id, "", r.created_at[:16], "", f"프롬프트 버전 {r.report['waiting']}"]
                for r in versions
            ),
        ],
    )


def _plain(approval: "Approval") -> dict[str, object]:
    orders = [order.model_dump(mode="json") for order in approval.orders]
    return {**approval._asdict(), "orders": orders}


def _where(scope: str) -> str:
    return "모든 계좌" if scope == "*" else scope


def _person() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no login name, as in a bare container
        return "unnamed"


def _journal(config: Path | None, *, create: bool = False) -> "DatabaseManager":
    from kisbt.journal.database import DatabaseManager

    return DatabaseManager(settings(config).journal_url(), create=create)


def _controls(db: "DatabaseManager") -> "Controls":
    from kisbt.journal.controls import Controls

    return Controls(db)
