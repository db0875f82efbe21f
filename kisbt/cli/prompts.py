"""``kisbt prompts``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, emit_json, emit_table, note, settings
from kisbt.errors import PromptError

if TYPE_CHECKING:
    from kisbt.rulebook.findings import Finding
    from kisbt.rulebook.store import Move, PromptStore
    from kisbt.rulebook.version import PromptVersion

app = typer.Typer(
    help="Prompt versions (프롬프트 버전): list, show, diff, lint, add, roll back.",
    no_args_is_help=True,
)

CommitFlag = Annotated[bool, typer.Option("--commit", help="Commit the change with git.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why (사유), for the change log.")]


@app.command("list")
def list_versions(config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """List all versions; the current one (현재) is marked with an asterisk."""
    store = _store(config)
    versions = store.versions()
    current = store.current_number() if versions else None
    if as_json:
        listed = [_summary(v, current) for v in versions]
        emit_json({"current": current, "versions": listed})
        return
    rows = [
        (
            "*" if v.number == current else "",
            v.number,
            v.parent,
            f"{v.created:%Y-%m-%d %H:%M}",
            "사람" if v.author == "human" else "자동 반성",
            len(v.rules),
            v.hash[7:19],
            v.summary,
        )
        for v in versions
    ]
    columns = ("현재", "버전", "부모", "작성 시각", "작성", "규칙", "해시", "요약")
    emit_table("프롬프트 버전", columns, rows)


@app.command()
def show(
    number: Annotated[int | None, typer.Argument(help="Version; default: the current one.")] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the text of a version as an LLM reads it; with --json also its data."""
    store = _store(config)
    version = store.current() if number is None else store.load(number)
    if as_json:
        body = version.model_dump(mode="json", exclude={"number"})
        emit_json({"version": version.number, **body, "created": f"{body['created']}+09:00"})
        return
    note(f"버전 {version.number}: {version.summary} ({version.hash[:19]}…)")
    typer.echo(version.text, nl=False)


@app.command()
def diff(
    before: Annotated[int, typer.Argument(help="Version before.")],
    after: Annotated[int, typer.Argument(help="Version after.")],
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what differs: thresholds (기준값) and rules (규칙) first, then the text."""
    from kisbt.rulebook.compare import compare_data, compare_text

    store = _store(config)
    old, new = store.load(before), store.load(after)
    changes, text = compare_data(old, new), compare_text(old, new)
    if as_json:
        data = [change._asdict() for change in changes]
        emit_json({"before": before, "after": after, "data": data, "text": text})
        return
    emit_table(f"버전 {before} → {after}", ("항목", "이전", "이후"), changes)
    typer.echo("\n".join(text))


@app.command()
def lint(
    what: Annotated[
        str | None, typer.Argument(help="Version or draft file; default: the whole store.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Find faults (오류) and doubts (주의). Exits with 4 when there is a fault."""
    from kisbt.rulebook.lint import lint_draft, lint_store, lint_version

    store = _store(config)
    if what is None:
        findings = lint_store(store)
    elif what.isdecimal():
        findings = lint_version(store, int(what))
    else:
        findings = lint_draft(Path(what), store.catalogue)
    errors = sum(finding.level == "error" for finding in findings)
    if as_json:
        listed = [finding._asdict() for finding in findings]
        emit_json({"errors": errors, "warnings": len(findings) - errors, "findings": listed})
    else:
        _print_findings(findings)
        note(f"오류 {errors}, 주의 {len(findings) - errors}")
    if errors:
        raise typer.Exit(PromptError.exit_code)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="Draft: front matter and text, like a version.")],
    activate: Annotated[
        bool, typer.Option("--activate", help="Make it the current version at once.")
    ] = False,
    reason: ReasonOption = "",
    commit: CommitFlag = False,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Seal a draft (초안) as the next version; its generated sections are filled in."""
    from kisbt.rulebook.draft import Draft
    from kisbt.rulebook.files import read_text

    store = _store(config)
    _before_commit(store, commit)
    text = read_text(file, "the draft")
    version = store.add(
        Draft.from_file(text, file.as_posix(), store.catalogue), activate=activate, reason=reason
    )
    sealed = _commit(store, f"Add prompt version {version.number}: {version.summary}", commit)
    current = store.current_number()
    if as_json:
        emit_json({**_summary(version, current), "commit": sealed})
        return
    typer.echo(f"버전 {version.number} 추가: {store.path(version.number)}")
    if current != version.number:
        note(f"현재 버전은 그대로 {current}입니다. 적용: kisbt prompts rollback {version.number}")


@app.command()
def rollback(
    number: Annotated[int, typer.Argument(help="Version that becomes the current one.")],
    reason: ReasonOption = "",
    commit: CommitFlag = False,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Point to another version (되돌리기), back or forward; the text before it is backed up."""
    store = _store(config)
    _before_commit(store, commit)
    move = store.rollback(number, reason=reason)
    message = f"Point to prompt version {number}" + (f": {reason}" if reason else "")
    sealed = _commit(store, message, commit and move.changed)
    if as_json:
        backup = None if move.backup is None else str(move.backup)
        emit_json(
            {"before": move.before, "current": move.after, "backup": backup, "commit": sealed}
        )
        return
    _print_move(move)


def _store(config: Path | None) -> "PromptStore":
    from kisbt.data.features.catalogue import FEATURES
    from kisbt.rulebook.store import PromptStore

    folder = settings(config).folder("prompts")
    return PromptStore(folder, catalogue={feature.name: feature for feature in FEATURES})


def _summary(version: "PromptVersion", current: int | None) -> dict[str, Any]:
    return {
        "version": version.number,
        "current": version.number == current,
        "parent": version.parent,
        "created": f"{version.created.isoformat()}+09:00",
        "author": version.author,
        "rules": [rule.id for rule in version.rules],
        "hash": version.hash,
        "summary": version.summary,
    }


def _print_findings(findings: list["Finding"]) -> None:
    for finding in findings:
        word = "오류" if finding.level == "error" else "주의"
        hint = f" ({finding.hint})" if finding.hint else ""
        typer.echo(
            f"{finding.source}:{finding.line}: {word} [{finding.code}] {finding.message}{hint}"
        )


def _print_move(move: "Move") -> None:
    if not move.changed:
        typer.echo(f"이미 버전 {move.after}입니다. 바뀐 것이 없습니다.")
        return
    typer.echo(f"현재 버전: {move.before or '없음'} → {move.after}")
    if move.backup is not None:
        note(f"백업: {move.backup}")


def _before_commit(store: "PromptStore", wanted: bool) -> None:
    if wanted:
        from kisbt.rulebook.version_control import require_work_tree

        require_work_tree(store.folder)


def _commit(store: "PromptStore", message: str, wanted: bool) -> str | None:
    if not wanted:
        return None
    from kisbt.rulebook.version_control import commit

    return commit(store.folder, message)
