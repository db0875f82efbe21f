"""Outside text in a prompt: words in a fence, never instructions.

Names, sectors and notes come from data providers and files. They are shown as JSON strings between
``OPEN`` and ``CLOSE``, and nothing in them can end the string, the line or the fence.
"""

import re
import unicodedata

import orjson

OPEN = "<data>"
CLOSE = "</data>"

MAX_CHARACTERS = 40
"""A longer outside text is cut: no listed name needs more, and an instruction often does."""

_LOOKALIKES = str.maketrans({"<": "‹", ">": "›", "`": "'", "\\": "∖", '"': "”"})
_SPACES = re.compile(r"\s+")


def quoted(text: str, longest: int = MAX_CHARACTERS) -> str:
    """Return ``text`` as a JSON string that is safe inside the fence.

    Control, format (zero-width, bidirectional), surrogate and private characters are dropped, any
    white space becomes one space, and angle brackets, backticks, quotes and backslashes become
    look-alikes, so that no fence, code block or string can be closed from inside.
    """
    return orjson.dumps(plain(text, longest)).decode()


def plain(text: str, longest: int = MAX_CHARACTERS) -> str:
    """Return ``text`` on one line without what could break out; see ``quoted``."""
    flat = _SPACES.sub(" ", unicodedata.normalize("NFC", text))
    kept = "".join(c for c in flat if unicodedata.category(c)[0] != "C")
    kept = _SPACES.sub(" ", kept).translate(_LOOKALIKES).strip()  # what was dropped joined spaces
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"
