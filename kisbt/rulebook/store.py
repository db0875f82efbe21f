"""Prompt versions on disk: sealed files, a pointer to the current one, a change log, backups.

    versions/0001.md      one immutable version a file
    versions/hashes.json  the ledger: number to hash; what is not in it is no version
    current               the number of the current version
    core_decision_prompt.md   the current version's text, for people to read
    CHANGELOG.md, backups/    what was changed when and why, and what stood there before

The pointer is the truth; ``core_decision_prompt.md`` follows it.
"""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from kisbt.errors import PromptError
from kisbt.krx.calendar import now
from kisbt.rulebook import changelog
from kisbt.rulebook.checks import Catalogue
from kisbt.rulebook.draft import Draft, compose, refuse_overreach
from kisbt.rulebook.files import locked, read_text, replace_text
from kisbt.rulebook.parse import parse
from kisbt.rulebook.render import render_file
from kisbt.rulebook.version import PromptVersion, content_hash

HASH_HINT = "restore the file from version control, or add it as a new version"


class Move(NamedTuple):
    """What a move of the pointer did; ``backup`` is the file that keeps the text before it."""

    before: int | None
    after: int
    backup: Path | None
    changed: bool = True


class PromptStore:
    """The prompts of one project.

    Args:
        folder: The ``prompts`` folder.
        catalogue: Known features by name; feature names are not checked without it.
        clock: Tells naive KST for dates of versions, backups and the change log.
    """

    def __init__(
        self,
        folder: Path,
        *,
        catalogue: Catalogue | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.folder = folder
        self.catalogue = catalogue
        self.core = folder / "core_decision_prompt.md"
        self.pointer = folder / "current"
        self.ledger = folder / "versions" / "hashes.json"
        self.changes = folder / "CHANGELOG.md"
        self._clock = clock
        self._parsed: dict[tuple[int, str], PromptVersion] = {}

    def path(self, number: int) -> Path:
        """The file of one version."""
        return self.folder / "versions" / f"{number:04d}.md"

    def source(self, number: int) -> str:
        """How errors name the file of one version."""
        return self.path(number).relative_to(self.folder.parent).as_posix()

    def numbers(self) -> list[int]:
        """Numbers of the sealed versions, ascending; empty when there is no ledger yet.

        Raises:
            PromptError: the ledger is damaged.
        """
        return sorted(self._hashes())

    def versions(self) -> list[PromptVersion]:
        """Every sealed version, ascending.

        Raises:
            PromptError: as ``load``.
        """
        return [self.load(number) for number in self.numbers()]

    def load(self, number: int) -> PromptVersion:
        """One sealed version.

        Raises:
            PromptError: unknown, missing, changed since it was sealed, or broken.
        """
        sealed = self.sealed_hash(number)
        text = read_text(self.path(number), f"prompt version {number}", HASH_HINT)
        if content_hash(text) != sealed:
            raise PromptError(
                f"{self.source(number)}:1: changed after it was sealed "
                f"({content_hash(text)[:19]}… instead of {sealed[:19]}…)",
                hint=HASH_HINT,
            )
        # The text is read and checked each time; what it says can no longer change.
        version = self._parsed.get((number, sealed))
        if version is None:
            version = parse(text, self.source(number), self.catalogue)
            if version.number != number:
                raise PromptError(f"{self.source(number)}:3: says it is version {version.number}")
            self._parsed[number, sealed] = version
        return version

    def sealed_hash(self, number: int) -> str:
        """The hash under which a version was sealed.

        Raises:
            PromptError: there is no such version, or the ledger is damaged.
        """
        hashes = self._hashes()
        if number not in hashes:
            known = ", ".join(str(n) for n in sorted(hashes)) or "none"
            hint = f"known versions: {known}"
            if self.path(number).exists():
                hint = "it was never sealed: move it out of versions/, then kisbt prompts add FILE"
            raise PromptError(f"prompt version {number} does not exist", hint=hint)
        return hashes[number]

    def current_number(self) -> int:
        """The number that the pointer names.

        Raises:
            PromptError: the pointer is missing or does not name a sealed version.
        """
        hint = "set it with: kisbt prompts rollback N"
        text = read_text(self.pointer, "the pointer to the current prompt", hint).strip()
        if not re.fullmatch(r"\d{1,4}", text) or int(text) not in self._hashes():
            raise PromptError(
                f"{self.pointer.name}:1: '{text[:20]}' is not a prompt version", hint=hint
            )
        return int(text)

    def current(self) -> PromptVersion:
        """The version that the pointer names.

        Raises:
            PromptError: as ``current_number`` and ``load``.
        """
        return self.load(self.current_number())

    def add(self, draft: Draft, *, activate: bool = False, reason: str = "") -> PromptVersion:
        """Seal a draft as the next version; move the pointer to it if ``activate``.

        The first version of an empty store becomes the current one in any case.

        Raises:
            PromptError: the draft is broken, its parent does not exist, or it comes from
                reflection and changes more than the dynamic rules. Nothing was written.
        """
        with self._lock():
            hashes = self._hashes()
            number = max([0, *hashes, *self._files()]) + 1
            version = compose(draft, number, self._clock().replace(microsecond=0))
            parent = None if draft.parent is None else self.load(draft.parent)
            if draft.author == "reflection":
                refuse_overreach(version, parent)
            text = render_file(version)
            parse(text, f"draft of version {number}", self.catalogue)
            replace_text(self.path(number), text)
            entries = {**hashes, number: version.hash}
            body = {f"{n:04d}": entries[n] for n in sorted(entries)}
            replace_text(self.ledger, json.dumps(body, indent=2) + "\n")
            entry = changelog.added(number, draft.parent, draft.author, draft.summary)
            changelog.append(self.changes, self._clock(), entry)
            if activate or not hashes:
                self._point_to(version, reason or draft.summary)
        return version

    def rollback(self, number: int, *, reason: str = "") -> Move:
        """Point to another version, back or forward, and restore its text.

        Nothing is written when pointer and text are in place already.

        Raises:
            PromptError: as ``load``; the pointer has not moved.
        """
        with self._lock():
            return self._point_to(self.load(number), reason)

    def strays(self) -> list[int]:
        """Numbers of files that look like versions but were never sealed."""
        return sorted(self._files() - set(self._hashes()))

    def _point_to(self, version: PromptVersion, reason: str) -> Move:
        before = self._pointer_or_none()
        old = read_text(self.core, "the current prompt") if self.core.exists() else None
        if before == version.number and old == version.text:
            return Move(before, version.number, None, changed=False)
        at = self._clock()
        backup = None if old is None else self._back_up(old, before, at)
        replace_text(self.core, version.text)
        replace_text(self.pointer, f"{version.number:04d}\n")
        name = backup.name if backup else None
        entry = changelog.moved(before, version.number, reason, name)
        changelog.append(self.changes, at, entry)
        return Move(before, version.number, backup)

    def _back_up(self, text: str, number: int | None, at: datetime) -> Path:
        stem = f"{at:%Y%m%dT%H%M%S}-{number or 0:04d}"
        path = self.folder / "backups" / f"{stem}.md"
        copies = 1
        while path.exists():
            copies += 1
            path = path.with_name(f"{stem}-{copies}.md")
        replace_text(path, text)
        return path

    def _pointer_or_none(self) -> int | None:
        try:
            return self.current_number()
        except PromptError:
            return None  # a broken pointer is what a rollback repairs

    def _hashes(self) -> dict[int, str]:
        if not self.ledger.exists():
            return {}
        text = read_text(self.ledger, "the ledger of prompt hashes")
        try:
            raw = json.loads(text)
            return {int(key): _hash(value) for key, value in raw.items()}
        except (ValueError, AttributeError) as error:
            line = getattr(error, "lineno", 1)
            raise PromptError(
                f"versions/{self.ledger.name}:{line}: not a ledger of hashes",
                hint="restore it from version control",
            ) from error

    def _files(self) -> set[int]:
        files = (self.folder / "versions").glob("[0-9][0-9][0-9][0-9].md")
        return {int(file.stem) for file in files}

    def _lock(self) -> AbstractContextManager[None]:
        return locked(self.folder / ".lock")


def _hash(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"sha256:[0-9a-f]{64}", value):
        return value
    raise ValueError(f"not a hash: {value!r}")
