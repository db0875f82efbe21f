"""The two generated sections of a prompt's text, between HTML comments."""

from typing import Literal, NamedTuple

SectionName = Literal["policy", "rules"]

SECTIONS: tuple[SectionName, ...] = ("policy", "rules")

MARKER_WORD = "kisbt:"


class SectionError(Exception):
    """A marker is missing, repeated or out of order. ``line`` is 1-based within the text."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class Section(NamedTuple):
    """Where the content between two markers stands: offsets into the text, and its first line."""

    start: int
    end: int
    line: int


def marker(name: SectionName, edge: Literal["begin", "end"]) -> str:
    """The comment that opens or closes a section."""
    return f"<!-- {MARKER_WORD}{name}:{edge} -->"


def find(text: str, name: SectionName) -> Section:
    """The content of one section, from the line after its first marker to its last marker.

    Raises:
        SectionError: a marker is missing, stands twice, is not alone on its line, or the last
            one comes first.
    """
    begin = _marker_line(text, marker(name, "begin"))
    end = _marker_line(text, marker(name, "end"))
    if end < begin:
        raise SectionError(f"section '{name}' ends before it begins", _line(text, end))
    start = begin + len(marker(name, "begin")) + 1
    return Section(start, end, _line(text, start))


def find_all(text: str) -> dict[SectionName, Section]:
    """Both sections.

    Raises:
        SectionError: as ``find``, or the sections overlap.
    """
    found = {name: find(text, name) for name in SECTIONS}
    first, second = sorted(found.values())
    if second.start < first.end:
        raise SectionError("the generated sections overlap", second.line)
    return found


def fill(text: str, contents: dict[SectionName, str]) -> str:
    """The text with the content of each named section replaced; content ends in a line feed.

    Raises:
        SectionError: as ``find``.
    """
    for name, content in contents.items():
        section = find(text, name)
        text = text[: section.start] + content + text[section.end :]
    return text


def _marker_line(text: str, comment: str) -> int:
    lines = text.split("\n")
    at = [index for index, line in enumerate(lines) if line == comment]
    if text.count(comment) != len(at):
        index = next(i for i, line in enumerate(lines) if comment in line and line != comment)
        raise SectionError(f"marker '{comment}' must stand alone on its line", index + 1)
    if not at:
        raise SectionError(f"marker '{comment}' is missing", 1)
    if len(at) > 1:
        raise SectionError(f"marker '{comment}' stands twice", at[1] + 1)
    return sum(len(line) + 1 for line in lines[: at[0]])


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
