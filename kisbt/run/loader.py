"""Loads a user's strategy file: any Python file with one backtrader strategy in it."""

import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any, NamedTuple

import backtrader as bt

from kisbt.errors import StrategyError


class LoadedStrategy(NamedTuple):
    """A strategy class and the file it came from."""

    cls: type[Any]
    path: Path
    hash: str

    @property
    def operates(self) -> bool:
        """Whether its ``__init__`` takes an ``operator``: then it runs the operating graph."""
        return "operator" in inspect.signature(self.cls.__init__).parameters


def load_strategy(path: Path) -> LoadedStrategy:
    """Run a strategy file and return its one strategy.

    With several strategies in the file, the one whose bases are not in the file's own list of
    strategies counts only if it is alone after leaving out those that others derive from.

    Raises:
        StrategyError: no such file, it raises, or it holds no strategy or several.
    """
    if not path.is_file():
        raise StrategyError(
            f"strategy file {path} does not exist", hint="give a path to a .py file"
        )
    source = path.read_bytes()
    name = f"kisbt_strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StrategyError(f"{path.name} is not a Python file", hint="give a path to a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # backtrader's metaclass looks itself up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise StrategyError(f"{path.name} cannot be loaded: {_where(error, path)}") from error
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, bt.Strategy) and value.__module__ == name
    ]
    leaves = [c for c in found if not any(o is not c and issubclass(o, c) for o in found)]
    if not leaves:
        raise StrategyError(
            f"{path.name} holds no strategy", hint="define one class deriving from bt.Strategy"
        )
    if len(leaves) > 1:
        names = ", ".join(sorted(c.__name__ for c in leaves))
        raise StrategyError(f"{path.name} holds several strategies: {names}", hint="keep one")
    return LoadedStrategy(leaves[0], path, "sha256:" + hashlib.sha256(source).hexdigest())


def blame(error: Exception, path: Path) -> StrategyError:
    """The error of a strategy that raised while it ran, with the line of its file."""
    return StrategyError(f"{path.name} raised {_where(error, path)}", hint="fix the strategy file")


def raised_in(error: BaseException, path: Path) -> bool:
    """Whether the error passed through a line of that file."""
    return _line(error, path) is not None


def _line(error: BaseException, path: Path) -> int | None:
    line, trace = None, error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _where(error: BaseException, path: Path) -> str:
    line = error.lineno if isinstance(error, SyntaxError) else _line(error, path)
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    place = f" (line {line})" if line else ""
    return f"{type(error).__name__}: {text}{place}"
