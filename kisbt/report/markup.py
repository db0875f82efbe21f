"""Small pieces of HTML. Every text that comes from a run passes through ``escape``."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The browser itself refuses scripts and anything that would be fetched."""


class Cell(NamedTuple):
    """One table cell: ready markup and its CSS classes."""

    markup: str
    classes: str = ""


def escape(text: object) -> str:
    """Make any text safe inside an element or a quoted attribute."""
    return html.escape(str(text), quote=True)


def text(value: object, classes: str = "") -> Cell:
    """A cell of plain text."""
    return Cell(escape(value), classes)


def number(value: str, tone: str = "") -> Cell:
    """A right-aligned cell; ``tone`` is ``gain``, ``loss`` or empty."""
    return Cell(escape(value), f"num {tone}".strip())


def table(
    heads: Sequence[Cell], rows: Iterable[Sequence[Cell]], *, classes: str = "", caption: str = ""
) -> str:
    """A table that scrolls inside its own box when the page is narrow."""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = "".join(_tagged("th", cell) for cell in heads)
    body = "\n".join(f"<tr>{''.join(_tagged('td', cell) for cell in row)}</tr>" for row in rows)
    kind = f' class="{classes}"' if classes else ""
    return (
        f'<div class="scroll"><table{kind}>{title}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _tagged(tag: str, cell: Cell) -> str:
    kind = f' class="{cell.classes}"' if cell.classes else ""
    return f"<{tag}{kind}>{cell.markup}</{tag}>"


def section(title: str, *parts: str, classes: str = "", note: str = "") -> str:
    """A titled section; ``note`` is one line of small print under the title."""
    kind = f' class="{classes}"' if classes else ""
    small = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section{kind}><h2>{escape(title)}</h2>{small}\n" + "\n".join(parts) + "\n</section>"


def page(*, lang: str, title: str, body: Sequence[str]) -> bytes:
    """A whole page: one file, no script, nothing fetched."""
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    inside = "\n".join(body)
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{inside}\n</main>\n</body>\n</html>\n"
    ).encode()
