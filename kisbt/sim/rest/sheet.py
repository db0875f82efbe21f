"""How field lists are written down: names with blanks between, in KIS's order."""


def sheet(names: str) -> tuple[str, ...]:
    """The names of a list, in order."""
    return tuple(names.split())


def levels(*stems: str) -> str:
    """Each stem with 1 to 10 behind it, stem after stem."""
    return " ".join(f"{stem}{level}" for stem in stems for level in range(1, 11))
