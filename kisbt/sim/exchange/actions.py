"""Corporate actions at the start of a day: splits change positions, a delisting pays them out."""

from fractions import Fraction

from kisbt.sim.exchange.floor import Floor


def apply_actions(floor: Floor) -> None:
    """Apply what takes effect on the floor's day, before any order of that day.

    A split of ratio r turns q shares into floor(q * r); the cut-off fraction is paid at the last
    price, as the registrar does with fractional shares (단수주). A name whose last day is over is
    paid out at its last close.
    """
    ratios = {
        action.ticker: Fraction(str(action.ratio))
        for action in floor.market.dataset.actions
        if action.date == floor.day
    }
    for account in floor.accounts.values():
        for ticker in sorted(account.positions):
            position = account.positions[ticker]
            held, last = position.quantity, _last_close(floor, ticker)
            instrument = floor.market.instruments[ticker]
            if instrument.delisted is not None and floor.day > instrument.delisted:
                after, paid = 0, held * last
            elif ticker in ratios:
                exact = held * ratios[ticker]
                after = int(exact)
                paid = int((exact - after) * last / ratios[ticker])
            else:
                continue
            account.ledger.sell(floor.day, paid, 0)
            account.actions.append((floor.day, ticker, held, after, paid))
            position.quantity = after
            if not after:
                del account.positions[ticker]


def _last_close(floor: Floor, ticker: str) -> int:
    history = floor.market.daily(ticker)
    row = history.before(floor.day)
    return history.close[row - 1] if row else 0
