"""kisbt: LLM-driven strategies on Korean shares, the same in backtest, simulation and live."""

__version__ = "0.1.0"
