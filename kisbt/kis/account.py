"""Calls for balances, orderable amounts and profits. What paper lacks is put together here."""

from collections import defaultdict
from datetime import date

from kisbt.kis import endpoints as at
from kisbt.kis.answers import check_ticker, output, outputs, read, read_rows
from kisbt.kis.errors import KISAPIError
from kisbt.kis.models.account import (
    AccountBalance,
    Balance,
    BalanceTotals,
    Buyable,
    DayProfit,
    PeriodProfit,
    PeriodTrades,
    Position,
    ProfitTotals,
    Sellable,
    TradeProfit,
)
from kisbt.kis.orderlist import OrderListCalls
from kisbt.kis.profits import profits_of

_KINDS_20 = [
    "주식",
    "펀드/MMW",
    "IMA",
    "채권",
    "ELS/DLS",
    "WRAP",
    "신탁",
    "RP/발행어음",
    "해외주식",
    "해외채권",
    "금현물",
    "CD/CP",
    "전자단기사채",
    "타사상품",
    "외화전자단기사채",
    "외화ELS/DLS",
    "외화",
    "예수금",
    "청약자예수금",
    "합계",
]
_KINDS_17 = [
    "수익증권",
    "IMA",
    "채권",
    "ELS/DLS",
    "WRAP",
    "신탁",
    "RP",
    "외화RP",
    "해외채권",
    "CD/CP",
    "전자단기사채",
    "외화전자단기사채",
    "외화ELS/DLS",
    "외화평가금액",
    "예수금+CMA",
    "청약자예수금",
    "합계",
]


class AccountCalls(OrderListCalls):
    """Part of ``KISClient``. Amounts in won."""

    def inquire_balance(self, *, by_loan: bool = False, after_hours: bool = False) -> Balance:
        """Return positions and totals (주식잔고조회), all pages.

        ``by_loan`` lists a name once for each loan date; ``after_hours`` values at that price.
        """
        params = {
            "AFHR_FLPR_YN": "Y" if after_hours else "N",
            "OFL_YN": "",
            "INQR_DVSN": "01" if by_loan else "02",
            "UNPR_DVSN": "01",
            "FUND_STTL_ICLD_YN": "N",
            "FNCG_AMT_AUTO_RDPT_YN": "N",
            "PRCS_DVSN": "00",
        }
        return self._balance(at.BALANCE, params)

    def inquire_balance_rlz_pl(self, *, with_costs: bool = True) -> Balance:
        """Return the balance with realised profit in its totals (잔고조회_실현손익).

        Raises:
            NotOnPaper: on paper, where nothing knows the realised profit of the account.
        """
        params = {
            "AFHR_FLPR_YN": "N",
            "OFL_YN": "",
            "INQR_DVSN": "02",
            "UNPR_DVSN": "01",
            "FUND_STTL_ICLD_YN": "N",
            "FNCG_AMT_AUTO_RDPT_YN": "N",
            "PRCS_DVSN": "00",
            "COST_ICLD_YN": "Y" if with_costs else "N",
        }
        return self._balance(at.BALANCE_REALISED, params)

    def inquire_account_balance(self) -> AccountBalance:
        """Return all assets by kind (투자계좌자산현황조회).

        On paper the balance stands in: shares and cash, which is all a paper account can hold.
        """
        if not self._account.serves(at.ACCOUNT_BALANCE):
            return _assets_of(self.inquire_balance())
        params = {"INQR_DVSN_1": "", "BSPR_BF_DT_APLY_YN": ""}
        answer = self._account.call(at.ACCOUNT_BALANCE, params)
        rows = outputs(at.ACCOUNT_BALANCE, answer, "output1")
        kinds = _KINDS_17 if len(rows) == len(_KINDS_17) else _KINDS_20
        assets = [{**row, "kind": kind} for row, kind in zip(rows, kinds, strict=False)]
        totals = output(at.ACCOUNT_BALANCE, answer, "output2")
        return read(at.ACCOUNT_BALANCE, AccountBalance.model_validate, {**totals, "assets": assets})

    def inquire_psbl_order(self, ticker: str, price: int | None = None) -> Buyable:
        """Return what may be bought (매수가능조회); no ``price`` means a market order.

        A market order is calculated at the upper limit price (상한가), as KIS will.
        """
        params = {
            "PDNO": check_ticker(ticker),
            "ORD_UNPR": "0" if price is None else str(price),
            "ORD_DVSN": "01" if price is None else "00",
            "CMA_EVLU_AMT_ICLD_YN": "N",
            "OVRS_ICLD_YN": "N",
        }
        answer = self._account.call(at.BUYABLE, params)
        return read(at.BUYABLE, Buyable.model_validate, output(at.BUYABLE, answer))

    def inquire_psbl_sell(self, ticker: str) -> Sellable:
        """Return the shares that may be sold (매도가능수량조회).

        On paper the balance's sellable field (주문가능수량) stands in; no position is 0 shares.
        """
        check_ticker(ticker)
        if self._account.serves(at.SELLABLE):
            answer = self._account.call(at.SELLABLE, {"PDNO": ticker})
            key = "output" if "output" in answer.body else "output1"
            return read(at.SELLABLE, Sellable.model_validate, output(at.SELLABLE, answer, key))
        rows = [row for row in self.inquire_balance().positions if row.ticker == ticker]
        if any(row.sellable is None and row.quantity for row in rows):
            raise KISAPIError(f"inquire_balance does not say how much of {ticker} may be sold")
        raw = {
            "pdno": ticker,
            "ord_psbl_qty": sum(row.sellable or 0 for row in rows),
            "cblc_qty": sum(row.quantity for row in rows),
            "pchs_avg_pric": rows[0].average_price if rows else None,
            "source": "substitute",
        }
        return read(at.SELLABLE, Sellable.model_validate, raw)

    def inquire_period_profit(self, first: date, last: date) -> PeriodProfit:
        """Return realised profit by day (기간별손익일별합산), KIS's order, all pages.

        On paper it is worked out of the daily executions: by moving average, without fees and
        taxes, and ``None`` for a day that sold shares bought before ``first``.
        """
        if not self._account.serves(at.PERIOD_PROFIT):
            trades = profits_of(self.inquire_daily_ccld(first, last, filled_only=True))
            days: dict[date, list[TradeProfit]] = defaultdict(list)
            for trade in trades:
                if trade.day is not None:
                    days[trade.day].append(trade)
            rows = tuple(_day_of(day, days[day]) for day in sorted(days, reverse=True))
            return PeriodProfit(rows=rows, totals=_totals(rows))
        params = {**_period(first, last), "PDNO": "", "INQR_DVSN": "00"}
        found: list[DayProfit] = []
        for answer in self._account.pages(at.PERIOD_PROFIT, params):
            found += read_rows(at.PERIOD_PROFIT, DayProfit.model_validate, answer, "output1")
        head = output(at.PERIOD_PROFIT, answer, "output2")
        totals = read(at.PERIOD_PROFIT, ProfitTotals.model_validate, head)
        return PeriodProfit(rows=tuple(found), totals=totals)

    def inquire_period_trade_profit(
        self, first: date, last: date, ticker: str = ""
    ) -> PeriodTrades:
        """Return realised profit by name and day (기간별매매손익현황), all pages.

        On paper as ``inquire_period_profit``.
        """
        if not self._account.serves(at.TRADE_PROFIT):
            rows = self.inquire_daily_ccld(first, last, ticker=ticker, filled_only=True)
            trades = tuple(profits_of(rows))
            return PeriodTrades(rows=trades, totals=_totals(trades))
        params = {**_period(first, last), "PDNO": ticker}
        found: list[TradeProfit] = []
        for answer in self._account.pages(at.TRADE_PROFIT, params):
            found += read_rows(at.TRADE_PROFIT, TradeProfit.model_validate, answer, "output1")
        head = output(at.TRADE_PROFIT, answer, "output2")
        totals = read(at.TRADE_PROFIT, ProfitTotals.model_validate, head)
        return PeriodTrades(rows=tuple(found), totals=totals)

    def _balance(self, endpoint: at.Endpoint, params: dict[str, str]) -> Balance:
        positions: list[Position] = []
        for answer in self._account.pages(endpoint, params):
            positions += read_rows(endpoint, Position.model_validate, answer, "output1")
        head = output(endpoint, answer, "output2")
        totals = read(endpoint, BalanceTotals.model_validate, head)
        return Balance(positions=tuple(positions), totals=totals)


def _assets_of(balance: Balance) -> AccountBalance:
    totals = balance.totals
    cash = totals.cash if totals.cash_d2 is None else totals.cash_d2
    shares = totals.securities
    if shares is None:
        shares = sum(row.value or 0 for row in balance.positions)
    raw = {
        "assets": [
            {"kind": "주식", "evlu_amt": shares, "evlu_pfls_amt": totals.profit},
            {"kind": "예수금", "evlu_amt": cash},
        ],
        "tot_asst_amt": cash + shares,
        "nass_tot_amt": totals.net,
        "evlu_amt_smtl": totals.value,
        "evlu_pfls_amt_smtl": totals.profit,
        "tot_dncl_amt": totals.cash,
        "source": "substitute",
    }
    return read(at.ACCOUNT_BALANCE, AccountBalance.model_validate, raw)


def _day_of(day: date, trades: list[TradeProfit]) -> DayProfit:
    raw = {
        "trad_dt": day,
        "buy_amt": sum(trade.bought or 0 for trade in trades),
        "sll_amt": sum(trade.sold or 0 for trade in trades),
        "rlzt_pfls": _sum([trade.realised for trade in trades]),
        "source": "substitute",
    }
    return read(at.PERIOD_PROFIT, DayProfit.model_validate, raw)


def _totals(rows: tuple[DayProfit, ...]) -> ProfitTotals:
    raw = {
        "tot_rlzt_pfls": _sum([row.realised for row in rows]),
        "buy_tr_amt_smtl": sum(row.bought or 0 for row in rows),
        "sll_tr_amt_smtl": sum(row.sold or 0 for row in rows),
    }
    return read(at.PERIOD_PROFIT, ProfitTotals.model_validate, raw)


def _sum(values: list[int | None]) -> int | None:
    """Return the sum, or ``None`` when a part of it is unknown."""
    return None if None in values else sum(value or 0 for value in values)


def _period(first: date, last: date) -> dict[str, str]:
    return {
        "INQR_STRT_DT": f"{first:%Y%m%d}",
        "INQR_END_DT": f"{last:%Y%m%d}",
        "SORT_DVSN": "00",
        "CBLC_DVSN": "00",
    }
