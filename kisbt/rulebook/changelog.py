"""The change log of the prompts, in Korean, newest entry last."""

import re
from datetime import datetime
from pathlib import Path

from kisbt.rulebook.files import read_text, replace_text

_BACKUP = re.compile(r", 백업 (backups/[0-9A-Za-z._-]+\.md)$")

TITLE = "# 프롬프트 변경 기록\n\n시각은 KST이며, 새 기록이 아래에 붙습니다.\n\n"


def append(path: Path, at: datetime, entry: str) -> None:
    """Add one line; ``at`` is naive KST.

    Raises:
        PromptError: the file cannot be read or written.
    """
    text = read_text(path, "the change log") if path.exists() else TITLE
    if not text.endswith("\n"):
        text += "\n"
    replace_text(path, f"{text}- {at:%Y-%m-%d %H:%M:%S} {' '.join(entry.split())}\n")


def added(number: int, parent: int | None, author: str, summary: str) -> str:
    """Entry for a new version."""
    who = "사람" if author == "human" else "자동 반성"
    base = f"버전 {parent}에서 파생" if parent is not None else "최초 버전"
    return f"추가: 버전 {number} ({base}, 작성 {who}): {summary}"


def moved(before: int | None, after: int, reason: str, backup: str | None) -> str:
    """Entry for a move of the pointer."""
    start = f"버전 {before} → {after}" if before is not None else f"버전 {after}"
    word = "되돌림" if before is not None and after < before else "적용"
    kept = f", 백업 backups/{backup}" if backup else ""
    return f"{word}: {start}, 사유: {reason or '적지 않음'}{kept}"


def backups(path: Path) -> list[tuple[int, str]]:
    """Line and name (``backups/...``) of every backup that the log tells of.

    Raises:
        PromptError: the file cannot be read.
    """
    if not path.exists():
        return []
    lines = read_text(path, "the change log").split("\n")
    return [
        (number, found.group(1))
        for number, line in enumerate(lines, start=1)
        if (found := _BACKUP.search(line))
    ]
