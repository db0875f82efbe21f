"""Lint: everything that is wrong with one file, or with a whole store, instead of the first."""

from pathlib import Path

from kisbt.errors import PromptError
from kisbt.rulebook import changelog
from kisbt.rulebook.checks import Catalogue
from kisbt.rulebook.files import read_text
from kisbt.rulebook.findings import Finding
from kisbt.rulebook.parse import examine, examine_draft
from kisbt.rulebook.store import HASH_HINT, PromptStore
from kisbt.rulebook.version import content_hash


def lint_draft(path: Path, catalogue: Catalogue | None = None) -> list[Finding]:
    """Every fault and doubt of a draft file.

    Raises:
        PromptError: the file cannot be read.
    """
    text = read_text(path, "the draft")
    return list(examine_draft(text, path.as_posix(), catalogue).findings)


def lint_version(store: PromptStore, number: int) -> list[Finding]:
    """Every fault and doubt of one sealed version.

    Raises:
        PromptError: no such version, or the ledger is damaged.
    """
    sealed = store.sealed_hash(number)
    source = store.source(number)
    try:
        text = read_text(store.path(number), f"prompt version {number}", HASH_HINT)
    except PromptError as error:
        return [Finding("error", "missing-file", source, 1, error.message, error.hint)]
    findings = []
    if content_hash(text) != sealed:
        message = "changed after it was sealed"
        findings.append(Finding("error", "edited-version", source, 1, message, HASH_HINT))
    reading = examine(text, source, store.catalogue)
    findings += reading.findings
    if reading.version and reading.version.number != number:
        message = f"says it is version {reading.version.number}"
        findings.append(Finding("error", "number", source, 3, message))
    return findings


def lint_store(store: PromptStore) -> list[Finding]:
    """Every fault and doubt of all versions, the ledger, the pointer and the current text."""
    try:
        numbers = store.numbers()
    except PromptError as error:
        return [Finding("error", "ledger", store.ledger.name, 1, error.message, error.hint)]
    findings = [finding for number in numbers for finding in lint_version(store, number)]
    for number in store.strays():
        message = "this file was never sealed, so no command uses it"
        hint = "move it out of versions/, then kisbt prompts add FILE"
        findings.append(Finding("warning", "stray", store.source(number), 1, message, hint))
    return findings + _lint_pointer(store) + _lint_backups(store)


def _lint_backups(store: PromptStore) -> list[Finding]:
    """Backups that the change log names and that are not there."""
    try:
        kept = changelog.backups(store.changes)
    except PromptError as error:
        return [Finding("error", "changelog", store.changes.name, 1, error.message, error.hint)]
    return [
        Finding(
            "warning", "backup", store.changes.name, line,
            f"the backup {name} is gone",
            "the text of every sealed version is in versions/ still; restore the file from "
            "version control if it held an edit of your own",
        )
        for line, name in kept
        if not (store.folder / name).is_file()
    ]  # fmt: skip


def _lint_pointer(store: PromptStore) -> list[Finding]:
    try:
        number = store.current_number()
    except PromptError as error:
        return [Finding("error", "pointer", store.pointer.name, 1, error.message, error.hint)]
    try:
        text = read_text(store.core, "the current prompt's text")
        expected = store.load(number).text
    except PromptError as error:
        return [Finding("error", "core", store.core.name, 1, error.message, error.hint)]
    for line, (ours, theirs) in enumerate(
        zip(text.split("\n"), expected.split("\n"), strict=False), start=1
    ):
        if ours != theirs:
            return [_drifted(store, line, number)]
    return [] if text == expected else [_drifted(store, text.count("\n") + 1, number)]


def _drifted(store: PromptStore, line: int, number: int) -> Finding:
    return Finding(
        "error",
        "core",
        store.core.name,
        line,
        f"differs from the text of version {number}, which is what runs",
        f"keep your edit as a version of its own (kisbt prompts add), or restore the text with: "
        f"kisbt prompts rollback {number}",
    )
