"""How a node reaches its workbench: LangGraph's runtime, or anything with a ``context``."""

from typing import Protocol

from kisbt.reflection_graph.state import Workbench


class At(Protocol):
    """What LangGraph hands to a node beside the state."""

    @property
    def context(self) -> Workbench:
        """The workbench of this reflection."""
        ...


def bench_of(runtime: At) -> Workbench:
    """The workbench; typed, because LangGraph's own runtime is not."""
    return runtime.context
