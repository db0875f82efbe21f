"""``assemble()``: the one way to build a Cerebro. Modes differ only in what they pass in."""

from collections.abc import Mapping, Sequence
from typing import Any

import backtrader as bt

from kisbt.adapter.operator import Operator
from kisbt.errors import ConfigError


def assemble(
    strategy: type[Any],
    feeds: Mapping[str, Any],
    broker: Any,
    *,
    operator: Operator | None = None,
    analyzers: Sequence[tuple[str, type[Any], Mapping[str, Any]]] = (),
) -> Any:
    """Return a Cerebro ready to run.

    ``runonce=False`` puts history on the same loop as live data, and ``quicknotify`` delivers
    fills when they happen instead of at the next bar. Neither cheat-on-open nor cheat-on-close
    can be asked for: a decision at a bar's close trades from the next bar on.

    Args:
        strategy: A backtrader strategy class.
        feeds: Feeds by ticker, in the order in which the strategy will see them.
        broker: A backtrader broker.
        operator: The operating graph, for a strategy whose ``__init__`` takes one.
        analyzers: Name, class and constructor arguments of each.

    Raises:
        ConfigError: there is no feed.
    """
    if not feeds:
        raise ConfigError("there is nothing to trade: no name has a bar in the period")
    cerebro = bt.Cerebro(stdstats=False, runonce=False, quicknotify=True)
    cerebro.setbroker(broker)
    for ticker, feed in feeds.items():
        cerebro.adddata(feed, name=ticker)
    for name, kind, arguments in analyzers:
        cerebro.addanalyzer(kind, _name=name, **arguments)
    if operator is None:
        cerebro.addstrategy(strategy)
    else:
        cerebro.addstrategy(strategy, operator=operator)
    return cerebro
