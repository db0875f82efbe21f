"""An account in won as of now: what balance, buying power and profit answers are made of."""

from typing import NamedTuple

from kisbt.krx import calendar
from kisbt.sim.exchange.account import Account, DayTrade
from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.exchange.views import base


class Held(NamedTuple):
    """One line of a balance, which may have no shares left."""

    name: NameDay | None
    ticker: str
    quantity: int
    sellable: int
    cost: int
    price: int
    today: DayTrade
    yesterday: DayTrade

    @property
    def value(self) -> int:
        """Won at the current price."""
        return self.price * self.quantity

    @property
    def label(self) -> str:
        """Name, or the code where the data has none."""
        return (self.name.instrument.name if self.name else "") or self.ticker

    @property
    def change(self) -> int:
        """Won since the base price."""
        return self.price - base(self.name) if self.name else 0


def holdings(floor: Floor, account: Account) -> list[Held]:
    """Positions, and names sold out since the session before (KIS keeps those to D-2)."""
    day = floor.day
    before = calendar.previous_session(day)
    tickers = set(account.positions)
    tickers |= {ticker for when, ticker in account.trades if when in (day, before)}
    lines = []
    for ticker in sorted(tickers):
        name = floor.name(ticker) if floor.known(ticker) else None
        position = account.positions.get(ticker)
        price = name.price if name else _last_close(floor, ticker)
        lines.append(
            Held(
                name,
                ticker,
                position.quantity if position else 0,
                floor.sellable(account, ticker),
                position.cost if position else 0,
                price,
                account.trades.get((day, ticker), DayTrade(day, ticker)),
                account.trades.get((before, ticker), DayTrade(before, ticker)),
            )
        )
    return lines


def cash_values(floor: Floor, account: Account, lines: list[Held]) -> dict[str, object]:
    """The second output of a balance, in won."""
    ledger, day = account.ledger, floor.day
    value = sum(line.value for line in lines)
    cost = sum(line.cost for line in lines)
    today = [line.today for line in lines]
    yesterday = [line.yesterday for line in lines]
    before = sum(_previous(line) * line.quantity for line in lines)
    return {
        "dnca_tot_amt": ledger.settled(day),
        "nxdy_excc_amt": ledger.settled(calendar.next_session(day)),
        "prvs_rcdl_excc_amt": ledger.cash,
        "thdt_buy_amt": sum(t.buy_amount for t in today),
        "thdt_sll_amt": sum(t.sell_amount for t in today),
        "thdt_tlex_amt": sum(_costs(t) for t in today),
        "bfdy_buy_amt": sum(t.buy_amount for t in yesterday),
        "bfdy_sll_amt": sum(t.sell_amount for t in yesterday),
        "bfdy_tlex_amt": sum(_costs(t) for t in yesterday),
        "scts_evlu_amt": value,
        "tot_evlu_amt": value + ledger.cash,
        "nass_amt": value + ledger.cash,
        "fncg_gld_auto_rdpt_yn": "",
        "pchs_amt_smtl_amt": cost,
        "evlu_amt_smtl_amt": value,
        "evlu_pfls_smtl_amt": value - cost,
        "bfdy_tot_asst_evlu_amt": before + ledger.cash,
        "asst_icdc_amt": value - before,
        "asst_icdc_erng_rt": "0.00000000",
    }


def held_values(line: Held) -> dict[str, object]:
    """One line of the first output of a balance."""
    profit = line.value - line.cost
    average = line.cost / line.quantity if line.quantity else 0.0
    return {
        "pdno": line.ticker,
        "prdt_name": line.label,
        "trad_dvsn_name": "현금",
        "bfdy_buy_qty": line.yesterday.bought,
        "bfdy_sll_qty": line.yesterday.sold,
        "thdt_buyqty": line.today.bought,
        "thdt_sll_qty": line.today.sold,
        "hldg_qty": line.quantity,
        "ord_psbl_qty": line.sellable,
        "pchs_avg_pric": f"{average:.4f}",
        "pchs_amt": line.cost,
        "prpr": line.price,
        "evlu_amt": line.value,
        "evlu_pfls_amt": profit,
        "evlu_pfls_rt": f"{100.0 * profit / line.cost if line.cost else 0.0:.2f}",
        "evlu_erng_rt": "0.00000000",
        "fltt_rt": f"{100.0 * line.change / (line.price - line.change or 1):.8f}",
        "bfdy_cprs_icdc": line.change,
        "sbst_pric": line.price * 7 // 10,
        "stck_loan_unpr": "0.0000",
    }


def _costs(trade: DayTrade) -> int:
    return trade.buy_fee + trade.sell_fee + trade.tax


def _previous(line: Held) -> int:
    return line.name.previous_close if line.name else line.price


def _last_close(floor: Floor, ticker: str) -> int:
    history = floor.market.daily(ticker)
    row = history.before(floor.day)
    return history.close[row - 1] if row else 0
