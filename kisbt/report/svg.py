"""Makes matplotlib's SVG fit to stand inside a page: smaller, deterministic, without its own fonts.

Inline SVGs share one document. So ids that are referenced get the chart's name in front, all other
ids go, and so do style elements, metadata (which carries the date of drawing) and namespaces.
"""

import math
import re
from collections.abc import Mapping

from kisbt.report.markup import escape

_DROPPED = re.compile(
    r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|<defs>\s*</defs>", re.DOTALL
)
_TITLE = re.compile(r'<text style="font-weight: 700;[^"]*"(?P<rest>[^>]*)>[^<]*</text>')
_TITLE_AT = re.compile(r'(?:y="|translate\([\d.]+ )(?P<y>[\d.]+)')
_TAG = re.compile(r"<[^>]+>")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_TEXT = re.compile(r">([^<>]+)</text>")
_LEANING = re.compile(
    r'(?P<head><text style="font-size: (?P<size>[\d.]+)px;[^"]*")'
    r' transform="translate\((?P<x>[\d.]+) (?P<y>[\d.]+)\) rotate\((?P<angle>-[\d.]+)\)"'
    r">(?P<text>[^<]*)<"
)
_VIEW = re.compile(r'viewBox="0 0 (?P<width>[\d.]+) (?P<height>[\d.]+)"')


COLOURS = {"#fedd78": "#e0962f", "#348dc1": "#1f4e9c", "#000000": "#4b5563", "#ff0000": "#c81e1e"}
"""quantstats' colours and ours. Its benchmark yellow is hard to see on white."""


def clean_svg(drawn: str, name: str, label: str, words: Mapping[str, str]) -> str:
    """Return the drawing without its title, with text translated by ``words``.

    ``name`` is a word that no other chart of the page has; ``label`` is read out instead of the
    picture. Text that ``words`` does not know stays.
    """
    body = _DROPPED.sub("", drawn[drawn.index("<svg") :])
    body, top = _without_title(body)
    view = _VIEW.search(body)
    if view is None:
        raise ValueError(f"chart {name} has no view box")
    height = float(view["height"]) - top
    inside = body[body.index(">") + 1 : body.rindex("</svg>")]
    inside = _scoped(inside, name)
    inside = _TAG.sub(lambda tag: _slim(tag[0]), inside)
    inside = _LEANING.sub(_end_anchored, inside)
    inside = _TEXT.sub(lambda m: f">{words.get(m[1], m[1])}</text>", inside)
    inside = re.sub(r">\s+<", "><", inside)
    return (
        f'<svg viewBox="0 {_short(top)} {_short(float(view["width"]))} {_short(height)}"'
        f' role="img" aria-label="{escape(label)}">{inside.strip()}</svg>'
    )


def _without_title(body: str) -> tuple[str, float]:
    """Cut the title out; also tell how much of the top it took."""
    title = _TITLE.search(body)
    if title is None:
        return body, 0.0
    at = _TITLE_AT.search(title["rest"])
    return body[: title.start()] + body[title.end() :], float(at["y"]) if at else 0.0


def _end_anchored(label: re.Match[str]) -> str:
    """Hang a leaning tick label by its end, so that another font cannot pull it off its tick.

    matplotlib places its start, for the width it measured: 0.636 em a digit, 0.361 em a dash.
    """
    ems = sum(0.361 if letter == "-" else 0.636 for letter in label["text"])
    width, angle = ems * float(label["size"]), math.radians(float(label["angle"]))
    x = float(label["x"]) + width * math.cos(angle)
    y = float(label["y"]) + width * math.sin(angle)
    turn = f"translate({_short(x)} {_short(y)}) rotate({label['angle']})"
    return f'{label["head"]} text-anchor="end" transform="{turn}">{label["text"]}<'


def _scoped(body: str, name: str) -> str:
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', body))
    body = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    return re.sub(r'(?:xlink:)?href="#([^"]+)"', rf'href="#{name}-\1"', body)


def _slim(tag: str) -> str:
    tag = re.sub(r"font-family:[^;\"]*;? ?", "", tag)
    tag = re.sub(r"font: ([^;\"]*px) [^;\"]*", r"font-size: \1", tag)
    tag = re.sub(r' transform="rotate\(-0[^"]*"', "", tag)
    for theirs, ours in COLOURS.items():
        tag = tag.replace(theirs, ours)
    tag = _LONG_NUMBER.sub(lambda number: _short(float(number[0])), tag)
    return re.sub(r"\s+", " ", tag)


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
