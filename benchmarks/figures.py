"""One measured figure, and the table of them."""

from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """A ratio measured in one run.

    ``baseline`` says what it is a ratio to (or that it is absolute), ``target`` what was asked
    for, ``met`` whether it holds in this run.
    """

    name: str
    value: float
    unit: str
    baseline: str
    target: str
    met: bool


def markdown(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| figure | value | baseline | target | met |", "| --- | ---: | --- | --- | --- |"]
    for one in figures:
        value = f"{one.value:,.3g} {one.unit}".strip()
        met = "yes" if one.met else "**no**"
        lines.append(f"| {one.name} | {value} | {one.baseline} | {one.target} | {met} |")
    return "\n".join(lines) + "\n"
