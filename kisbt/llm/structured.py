"""Ways to ask a server for JSON under a schema, and which of them a model's server obeys."""

import threading
from collections.abc import Mapping
from typing import Any, Literal

Mode = Literal["json_schema", "json_object_schema", "json_object", "text"]

LADDER: tuple[Mode, ...] = ("json_schema", "json_object_schema", "json_object", "text")
"""From the strictest form to none: OpenAI's, llama.cpp's older one, JSON mode, plain text."""

_LADDERS: dict[str, tuple[Mode, ...]] = {
    "auto": LADDER,
    "json_schema": ("json_schema",),
    "json_object": ("json_object_schema", "json_object"),
    "text": ("text",),
}

SCHEMA_NAME = "trading_plan"


def response_format(mode: Mode, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The ``response_format`` of a request; ``None`` for plain text."""
    if mode == "json_schema":
        form = {"name": SCHEMA_NAME, "schema": dict(schema), "strict": True}
        return {"type": "json_schema", "json_schema": form}
    if mode == "json_object_schema":
        return {"type": "json_object", "schema": dict(schema)}
    return {"type": "json_object"} if mode == "json_object" else None


class ModeMemory:
    """Which form each model obeys, found out by asking. Safe from any thread.

    Args:
        structured: The setting: ``auto``, or the only form to use.
    """

    def __init__(self, structured: str) -> None:
        self._ladder = _LADDERS[structured]
        self._lock = threading.Lock()
        self._proven: dict[str, Mode] = {}

    def first(self, model: str, schema: Mapping[str, Any] | None) -> Mode:
        """The form to begin with."""
        if schema is None:
            return "text"
        with self._lock:
            return self._proven.get(model, self._ladder[0])

    def proven(self, model: str) -> bool:
        """Whether a form was obeyed by this model already."""
        with self._lock:
            return model in self._proven

    def next(self, mode: Mode) -> Mode | None:
        """The next weaker form, if any is allowed."""
        if mode not in self._ladder:
            return None
        place = self._ladder.index(mode) + 1
        return self._ladder[place] if place < len(self._ladder) else None

    def prove(self, model: str, mode: Mode, schema: Mapping[str, Any] | None) -> None:
        """Remember that the form was obeyed."""
        if schema is not None:
            with self._lock:
                self._proven[model] = mode
