"""From a version file to a ``PromptVersion``, or to a list of everything that is wrong with it."""

import difflib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from kisbt.domain.rules import Rule
from kisbt.rulebook.checks import Catalogue, Doubt, check_data, check_words
from kisbt.rulebook.findings import Finding
from kisbt.rulebook.render import render_sections
from kisbt.rulebook.schema import DraftHeader, Header
from kisbt.rulebook.sections import SectionError, find_all
from kisbt.rulebook.version import PromptVersion, content_hash, features_used
from kisbt.rulebook.yaml_source import Path, YamlError, read_yaml

FENCE = "---"

_Head = TypeVar("_Head", bound=DraftHeader)


class Reading(NamedTuple):
    """What a file turned out to be: a version if nothing is wrong, and the findings."""

    version: PromptVersion | None
    findings: tuple[Finding, ...]


class DraftReading(NamedTuple):
    """What a draft turned out to be: its front matter, rules and text, and the findings."""

    header: DraftHeader | None
    rules: tuple[Rule, ...]
    text: str
    findings: tuple[Finding, ...]


def parse(text: str, source: str, catalogue: Catalogue | None = None) -> PromptVersion:
    """Read one version file; ``source`` names it in errors.

    Raises:
        PromptError: the first fault, with file and line.
    """
    reading = examine(text, source, catalogue)
    for finding in reading.findings:
        if finding.level == "error":
            raise finding.error()
    assert reading.version is not None  # no errors means a version
    return reading.version


def examine(text: str, source: str, catalogue: Catalogue | None = None) -> Reading:
    """Read one version file and collect every fault and doubt, in order of line.

    Without ``catalogue``, feature names are not checked.
    """
    file = _File(text, source)
    header = file.header(Header)
    rules = file.check(header, catalogue) if header else ()
    if header and header.parent is not None and header.parent >= header.version:
        file.add("parent", ("parent",), f"parent {header.parent} is not older than the version")
    sections_fit = file.check_sections(header, rules)
    if header is None or not sections_fit or any(f.level == "error" for f in file.findings):
        return Reading(None, file.sorted_findings())
    version = PromptVersion(
        number=header.version,
        parent=header.parent,
        created=header.created_kst(),
        author=header.author,
        summary=header.summary,
        features=header.features,
        evidence=header.evidence,
        policy=header.policy,
        rules=rules,
        text=file.body,
        hash=content_hash(text),
    )
    return Reading(version, file.sorted_findings())


def examine_draft(text: str, source: str, catalogue: Catalogue | None = None) -> DraftReading:
    """Read a draft: ``version`` and ``created`` may be absent, generated sections may be stale."""
    file = _File(text, source)
    header = file.header(DraftHeader, drop=("version", "created"))
    rules = file.check(header, catalogue) if header else ()
    file.check_sections(None, ())
    return DraftReading(header, rules, file.body, file.sorted_findings())


class _File:
    """One file while it is read: its parts, and what was found."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.findings: list[Finding] = []
        self.body = ""
        self._yaml: str | None = None
        lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
        fences = [index for index, line in enumerate(lines) if line.rstrip() == FENCE]
        if not fences or fences[0] != 0:
            self._add("front-matter", 1, f"the file must begin with a line '{FENCE}'")
        elif len(fences) < 2:
            self._add("front-matter", 1, f"the front matter is not closed by a line '{FENCE}'")
        else:
            self._yaml = "\n".join(lines[1 : fences[1]])
            self._body_line = fences[1] + 2
            self.body = "\n".join(lines[fences[1] + 1 :])
            if not self.body.strip():
                self._add(
                    "empty", self._body_line, "there is no prompt text below the front matter"
                )
            elif not self.body.endswith("\n"):
                self._add("line-end", len(lines), "the last line must end in a line feed")

    def header(self, model: type[_Head], drop: tuple[str, ...] = ()) -> _Head | None:
        """The front matter as ``model``; ``None`` when it has a fault."""
        if self._yaml is None:
            return None
        try:
            data, self._positions = read_yaml(self._yaml)
        except YamlError as fault:
            self._add("yaml", fault.line + 1, fault.message, fault.hint)
            return None
        if not isinstance(data, dict):
            self._add("yaml", 2, "the front matter must be keys and values")
            return None
        data = {key: value for key, value in data.items() if key not in drop}
        try:
            return model.model_validate_json(json.dumps(data), strict=True)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self._add_schema_fault(model, detail)
            return None

    def check(self, header: DraftHeader, catalogue: Catalogue | None) -> tuple[Rule, ...]:
        """Check the data against itself and the catalogue; return the rules."""
        rules = tuple(entry.rule() for entry in header.rules)
        for doubt in (
            *_words(header),
            *check_data(header.policy, rules, header.features, catalogue),
        ):
            self._add(doubt.code, self._line(doubt.path), doubt.message, doubt.hint, doubt.level)
        self._check_mentions(header, rules, catalogue or {})
        return rules

    def check_sections(self, header: DraftHeader | None, rules: tuple[Rule, ...]) -> bool:
        """Check the markers and, given data, that each section says exactly what the data says."""
        if not self.body.strip():
            return False
        try:
            sections = find_all(self.body)
        except SectionError as fault:
            self._add("marker", self._body_line + fault.line - 1, fault.message)
            return False
        if header is None:
            return True
        for name, expected in render_sections(header.policy, rules).items():
            section = sections[name]
            actual = self.body[section.start : section.end]
            if actual != expected:
                line = self._body_line + section.line - 1 + _first_difference(actual, expected)
                self._add(
                    "edited-section",
                    line,
                    f"the generated section '{name}' differs from the data in the front matter",
                    "change the front matter, not the section; 'kisbt prompts add' fills it",
                )
        return True

    def _check_mentions(
        self, header: DraftHeader, rules: tuple[Rule, ...], catalogue: Catalogue
    ) -> None:
        used = features_used(header.policy, rules)
        for index, name in enumerate(header.features):
            if name not in used and f"`{name}`" not in self.body:
                message = f"feature '{name}' is listed but neither used nor mentioned"
                self._add(
                    "unused-feature", self._line(("features", index)), message, level="warning"
                )
        for name in catalogue:
            at = self.body.find(f"`{name}`")
            if at >= 0 and name not in (*header.features, *used):
                line = self._body_line + self.body.count("\n", 0, at)
                message = f"the text mentions feature '{name}', which is not listed under features"
                self._add("undeclared-feature", line, message, "add it to the list")

    def sorted_findings(self) -> tuple[Finding, ...]:
        """Findings by line; errors before warnings on the same line."""
        return tuple(sorted(self.findings, key=lambda f: (f.line, f.level, f.code, f.message)))

    def add(self, code: str, path: Path, message: str) -> None:
        """Note a fault of the front matter at ``path``."""
        self._add(code, self._line(path), message)

    def _line(self, path: Path) -> int:
        return self._positions.line(path) + 1

    def _add(
        self,
        code: str,
        line: int,
        message: str,
        hint: str | None = None,
        level: Any = "error",
    ) -> None:
        self.findings.append(Finding(level, code, self.source, line, message, hint))

    def _add_schema_fault(self, model: type[BaseModel], detail: Any) -> None:
        path: Path = detail["loc"]
        where = ".".join(str(part) for part in path)
        if detail["type"] == "extra_forbidden":
            known = _known_keys(model, path[:-1])
            near = difflib.get_close_matches(str(path[-1]), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            self._add("unknown-key", self._line(path), f"unknown key '{where}'", hint)
        elif detail["type"] == "missing":
            self._add("missing-key", self._line(path[:-1]), f"key '{where}' is missing")
        else:
            message = detail["msg"].removeprefix("Value error, ")
            value = detail["input"]
            shown = f" (it is {value!r})" if isinstance(value, str | int | float) else ""
            self._add("schema", self._line(path), f"{where}: {message}{shown}")


def _words(header: DraftHeader) -> Iterator[Doubt]:
    yield from check_words(("summary",), header.summary)
    for index, item in enumerate(header.evidence):
        yield from check_words(("evidence", index), item)
    for index, entry in enumerate(header.rules):
        yield from check_words(("rules", index, "because"), entry.because)
        for run in entry.evidence.source_runs:
            yield from check_words(("rules", index, "evidence"), run)


def _first_difference(actual: str, expected: str) -> int:
    """Lines down from the section's first line to the first line that differs."""
    pairs = zip(actual.split("\n"), expected.split("\n"), strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), 0)


def _known_keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the table at ``path`` may hold."""
    for part in path:
        if isinstance(part, str):
            model = _inner_model(model.model_fields[part].annotation) or model
    return sorted(model.model_fields)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as ``tuple[Model, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_inner_model(argument) for argument in getattr(annotation, "__args__", ()))
    return next((model for model in inner if model), None)
