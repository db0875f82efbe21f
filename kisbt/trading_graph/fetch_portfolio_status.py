"""Node 1 of 6: what the account holds, valued at the last close."""

from kisbt.domain.state import PortfolioStatus, PositionStatus, TradingState
from kisbt.errors import DataError
from kisbt.trading_graph.desk import AtDesk


def fetch_portfolio_status(state: TradingState, runtime: AtDesk) -> TradingState:
    """Read cash and positions; value them, weigh them, and find their unrealised result.

    Reads nothing. Writes ``portfolio``, its positions ordered by ticker.

    Raises:
        DataError: a held name has no price, so that no weight can be trusted.
    """
    account, market = runtime.context.account, runtime.context.market
    equity = account.equity()
    holdings = account.holdings()
    positions: list[PositionStatus] = []
    invested = 0
    if holdings:
        closes = market.closes()
        for ticker in sorted(holdings):
            quantity, sellable, average = holdings[ticker]
            price = closes.get(ticker)
            if price is None:
                raise DataError(f"held name {ticker} has no closing price")
            value = price * quantity
            cost = average * quantity
            invested += value
            positions.append(
                PositionStatus(
                    ticker,
                    quantity,
                    sellable,
                    average,
                    price,
                    value,
                    value / equity if equity > 0 else 0.0,
                    round(value - cost),
                    (price / average - 1) * 100 if average > 0 else 0.0,
                )
            )
    portfolio = PortfolioStatus.made(
        cash=account.cash(),
        orderable_cash=account.orderable_cash(),
        equity=equity,
        exposure=invested / equity if equity > 0 else 0.0,
        positions=tuple(positions),
    )
    return {"portfolio": portfolio}
