"""Balances, orderable amounts, orders and profits of the account."""

from datetime import datetime
from typing import Literal

from pydantic import AliasChoices, Field

from kisbt.domain.trading import OrderState, Side
from kisbt.kis.models.fields import (
    Key,
    MaybeDay,
    MaybeDecimal,
    MaybeInt,
    MaybePercent,
    MaybeShares,
    MaybeTime,
    MaybeWon,
    Row,
    Shares,
    Text,
    Won,
    WonEach,
)

Source = Literal["kis", "substitute"]
"""Whether KIS answered the call itself, or other calls stood in for it on paper."""


class Position(Row):
    """One row of the balance (잔고). A name sold out today stays with quantity 0 until D-2.

    ``sellable`` (주문가능수량) is holdings less open sell orders; ``price`` may be 0 when closed.
    """

    ticker: Key = Field(alias="pdno")
    name: Text = Field("", alias="prdt_name")
    quantity: Shares = Field(alias="hldg_qty")
    sellable: MaybeShares = Field(None, alias="ord_psbl_qty")
    average_price: WonEach = Field(alias="pchs_avg_pric")
    cost: MaybeWon = Field(None, alias="pchs_amt")
    price: MaybeWon = Field(None, alias="prpr")
    value: MaybeWon = Field(None, alias="evlu_amt")
    profit: MaybeWon = Field(None, alias="evlu_pfls_amt")
    profit_pct: MaybePercent = Field(None, alias="evlu_pfls_rt")
    kind: Text = Field("", alias="trad_dvsn_name")
    loan_day: MaybeDay = Field(None, alias="loan_dt")
    bought_today: MaybeShares = Field(None, alias="thdt_buyqty")
    sold_today: MaybeShares = Field(None, alias="thdt_sll_qty")
    change_pct: MaybePercent = Field(None, alias="fltt_rt")


class BalanceTotals(Row):
    """The account as a whole, in won.

    ``cash`` (예수금) is not reduced by unsettled buys; ``cash_d2`` is what remains when all trades
    have settled. ``total`` is securities plus D+2 cash; ``costs_today`` (제비용) fees and taxes.
    """

    cash: Won = Field(alias="dnca_tot_amt")
    cash_d1: MaybeWon = Field(None, alias="nxdy_excc_amt")
    cash_d2: MaybeWon = Field(None, alias="prvs_rcdl_excc_amt")
    total: MaybeWon = Field(None, alias="tot_evlu_amt")
    net: MaybeWon = Field(None, alias="nass_amt")
    securities: MaybeWon = Field(None, alias="scts_evlu_amt")
    cost: MaybeWon = Field(None, alias="pchs_amt_smtl_amt")
    value: MaybeWon = Field(None, alias="evlu_amt_smtl_amt")
    profit: MaybeWon = Field(None, alias="evlu_pfls_smtl_amt")
    bought_today: MaybeWon = Field(None, alias="thdt_buy_amt")
    sold_today: MaybeWon = Field(None, alias="thdt_sll_amt")
    costs_today: MaybeWon = Field(None, alias="thdt_tlex_amt")
    costs_yesterday: MaybeWon = Field(None, alias="bfdy_tlex_amt")
    loans: MaybeWon = Field(None, alias="tot_loan_amt")
    realised: MaybeWon = Field(None, alias="rlzt_pfls")
    realised_pct: MaybePercent = Field(None, alias="rlzt_erng_rt")


class Balance(Row):
    """Positions, in the order KIS lists them, and totals."""

    positions: tuple[Position, ...]
    totals: BalanceTotals

    def held(self, ticker: str) -> int:
        """Return the shares held of one name, over all its rows."""
        return sum(row.quantity for row in self.positions if row.ticker == ticker)


class Asset(Row):
    """One kind of asset (투자계좌자산현황); KIS tells kinds apart by position only."""

    kind: str
    cost: MaybeWon = Field(None, alias="pchs_amt")
    value: MaybeWon = Field(None, alias="evlu_amt")
    profit: MaybeWon = Field(None, alias="evlu_pfls_amt")
    net: MaybeWon = Field(None, alias="real_nass_amt")
    weight_pct: MaybePercent = Field(None, alias="whol_weit_rt")


class AccountBalance(Row):
    """All assets of the account (투자계좌자산현황)."""

    assets: tuple[Asset, ...] = ()
    total: Won = Field(alias="tot_asst_amt")
    net: MaybeWon = Field(None, alias="nass_tot_amt")
    value: MaybeWon = Field(None, alias="evlu_amt_smtl")
    profit: MaybeWon = Field(None, alias="evlu_pfls_amt_smtl")
    cash: MaybeWon = Field(None, alias="tot_dncl_amt")
    source: Source = "kis"


class Buyable(Row):
    """What a buy may cost (매수가능). Use the ``own_`` fields unless you mean to borrow (미수)."""

    cash: Won = Field(alias="ord_psbl_cash")
    own_amount: MaybeWon = Field(None, alias="nrcvb_buy_amt")
    own_quantity: MaybeShares = Field(None, alias="nrcvb_buy_qty")
    max_amount: MaybeWon = Field(None, alias="max_buy_amt")
    max_quantity: MaybeShares = Field(None, alias="max_buy_qty")
    at_price: MaybeWon = Field(None, alias="psbl_qty_calc_unpr")
    reusable: MaybeWon = Field(None, alias="ruse_psbl_amt")


class Sellable(Row):
    """How many shares of a name may be sold (매도가능수량)."""

    ticker: Key = Field(alias="pdno")
    quantity: Shares = Field(alias="ord_psbl_qty")
    held: MaybeShares = Field(None, alias="cblc_qty")
    average_price: MaybeDecimal = Field(None, alias="pchs_avg_pric")
    source: Source = "kis"


class OrderReceipt(Row):
    """KIS took an order. That is not a fill. Keep ``branch`` for cancelling and modifying."""

    number: Key = Field(alias="odno")
    branch: Text = Field("", alias="krx_fwdg_ord_orgno")
    at: MaybeTime = Field(None, alias="ord_tmd")


class OrderRow(Row):
    """One order of a day (일별주문체결), newest state.

    A cancel or modify is an order of its own and names the one it changes in ``original``.
    """

    number: Key = Field(alias="odno")
    original: Text = Field("", alias="orgn_odno")
    branch: Text = Field("", alias="ord_gno_brno")
    day: MaybeDay = Field(None, alias="ord_dt")
    time: MaybeTime = Field(None, alias="ord_tmd")
    side_code: Text = Field("", alias="sll_buy_dvsn_cd")
    side_name: Text = Field("", alias="sll_buy_dvsn_cd_name")
    ticker: Text = Field("", alias="pdno")
    name: Text = Field("", alias="prdt_name")
    division: Text = Field("", alias="ord_dvsn_cd")
    quantity: MaybeShares = Field(None, alias="ord_qty")
    price: MaybeWon = Field(None, alias="ord_unpr")
    filled: Shares = Field(alias="tot_ccld_qty")
    filled_amount: MaybeWon = Field(None, alias="tot_ccld_amt")
    average_price: MaybeDecimal = Field(None, alias="avg_prvs")
    remaining: MaybeShares = Field(None, alias="rmn_qty")
    cancelled: MaybeShares = Field(
        None, validation_alias=AliasChoices("cnc_cfrm_qty", "cncl_cfrm_qty")
    )
    refused: MaybeShares = Field(None, alias="rjct_qty")
    cancel_mark: Text = Field("", alias="cncl_yn")
    changeable: MaybeShares = Field(None, alias="psbl_qty")
    exchange: Text = Field("", alias="excg_id_dvsn_cd")

    @property
    def side(self) -> Side | None:
        """Side of the order; ``None`` where KIS left it out."""
        return {"01": Side.SELL, "02": Side.BUY}.get(self.side_code)

    @property
    def at(self) -> datetime | None:
        """When it was sent, naive KST."""
        if self.day is None or self.time is None:
            return None
        return datetime.combine(self.day, self.time)

    @property
    def is_change(self) -> bool:
        """Whether this row cancels or modifies another order."""
        return bool(self.original.strip("0"))

    @property
    def state(self) -> OrderState:
        """Where the order stands."""
        quantity = self.quantity or 0
        if self.refused:
            return OrderState.REJECTED
        if quantity and self.filled >= quantity:
            return OrderState.FILLED
        if self.cancelled or self.cancel_mark == "Y":
            return OrderState.CANCELLED
        return OrderState.PARTIAL if self.filled else OrderState.ACCEPTED


class DayProfit(Row):
    """Realised profit of one day (기간별손익일별합산). ``realised`` is ``None`` if unknown."""

    day: MaybeDay = Field(None, alias="trad_dt")
    bought: MaybeWon = Field(None, alias="buy_amt")
    sold: MaybeWon = Field(None, alias="sll_amt")
    realised: MaybeWon = Field(None, alias="rlzt_pfls")
    realised_pct: MaybePercent = Field(None, alias="pfls_rt")
    fee: MaybeWon = None
    tax: MaybeWon = Field(None, alias="tl_tax")
    source: Source = "kis"


class TradeProfit(DayProfit):
    """Realised profit of one name on one day (기간별매매손익)."""

    number: Text = Field("", alias="pdno")
    name: Text = Field("", alias="prdt_name")
    quantity_bought: MaybeShares = Field(None, alias="buy_qty")
    quantity_sold: MaybeShares = Field(None, alias="sll_qty")

    @property
    def ticker(self) -> str:
        """The last six characters of the 12-character product number."""
        return self.number[-6:]


class ProfitTotals(Row):
    """Sums over a period. ``return_pct`` (총수익률) only comes with the profit by trades."""

    realised: MaybeWon = Field(None, alias="tot_rlzt_pfls")
    fee: MaybeWon = Field(None, alias="tot_fee")
    tax: MaybeWon = Field(None, alias="tot_tltx")
    bought: MaybeWon = Field(None, alias="buy_tr_amt_smtl")
    sold: MaybeWon = Field(None, alias="sll_tr_amt_smtl")
    return_pct: MaybePercent = Field(None, alias="tot_pftrt")
    quantity: MaybeInt = Field(None, alias="tot_qty")


class PeriodProfit(Row):
    """Profit by day, in KIS's order, and the totals."""

    rows: tuple[DayProfit, ...]
    totals: ProfitTotals


class PeriodTrades(Row):
    """Profit by name and day, in KIS's order, and the totals."""

    rows: tuple[TradeProfit, ...]
    totals: ProfitTotals
