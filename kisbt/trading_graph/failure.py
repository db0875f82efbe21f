"""One line about an exception, for the state and the journal."""

MAX_CHARACTERS = 500


def describe(error: Exception) -> str:
    """Return the error's class and text on one line, cut to ``MAX_CHARACTERS``."""
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return line if len(line) <= MAX_CHARACTERS else f"{line[: MAX_CHARACTERS - 1]}…"
