"""Processes that replay versions beside this one.

A fresh process needs seconds for its imports, the exchange's calendar and the features; begun when
an evolution begins, it is ready by the time that the first versions are to be compared.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

One = TypeVar("One")


class Workers:
    """This process and ``jobs - 1`` others; these end with ``close``.

    Args:
        jobs: Processes in all; with 1 everything is done in this one.
    """

    def __init__(self, jobs: int) -> None:
        self._others = jobs - 1
        self._pool: Any = None

    def begin(self, work: Callable[..., object], *arguments: object) -> None:
        """Have every other process do ``work`` meanwhile, to be ready for more of its kind."""
        for _ in range(self._others):
            self._started().submit(work, *arguments)

    def map(
        self,
        work: Callable[..., One],
        items: Sequence[Any],
        *more: object,
    ) -> list[One]:
        """``work(item, *more)`` for every item, in order; every ``jobs``-th is done here."""
        turns = self._others + 1
        sent = {
            place: self._started().submit(work, item, *more)
            for place, item in enumerate(items)
            if place % turns
        }
        own = {place: work(items[place], *more) for place in range(0, len(items), turns)}
        return [own[place] if place in own else sent[place].result() for place in range(len(items))]

    def close(self) -> None:
        """End the other processes, whatever they are doing."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
            self._pool = None

    def _started(self) -> Any:
        if self._pool is None:
            from joblib.externals.loky import ProcessPoolExecutor

            self._pool = ProcessPoolExecutor(max_workers=self._others)
        return self._pool
