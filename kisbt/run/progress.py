"""A progress bar for long work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    label: str, total: int | None = None, *, quiet: bool = False
) -> Iterator[Callable[[int], None] | None]:
    """Show a bar on stderr when that is a terminal, and yield what to tell of steps done.

    Yields ``None`` when ``quiet`` or when nobody looks. ``total`` of ``None`` is not known yet.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as shown:
        task = shown.add_task(label, total=total)
        yield lambda done: shown.update(task, completed=done)
