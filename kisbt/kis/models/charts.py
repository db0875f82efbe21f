"""Bars of names and indices, days of the calendar, VI, stock information."""

from datetime import datetime

from pydantic import Field

from kisbt.kis.models.fields import (
    Day,
    Flag,
    Key,
    MaybeDay,
    MaybeDecimal,
    MaybeFlag,
    MaybeInt,
    MaybePercent,
    MaybePoints,
    MaybeShares,
    MaybeTime,
    MaybeWon,
    Points,
    Row,
    Shares,
    Sign,
    Text,
    Time,
    Won,
)


class DayBar(Row):
    """One daily, weekly, monthly or yearly bar of a name.

    ``split_ratio`` (분할 비율) is base price over previous close on such a day, else 0;
    ``lock`` (락 구분) is 00 none, 01 ex-rights, 02 ex-dividend ...
    """

    day: Day = Field(alias="stck_bsop_date")
    open: Won = Field(alias="stck_oprc")
    high: Won = Field(alias="stck_hgpr")
    low: Won = Field(alias="stck_lwpr")
    close: Won = Field(alias="stck_clpr")
    volume: Shares = Field(alias="acml_vol")
    value_traded: MaybeWon = Field(None, alias="acml_tr_pbmn")
    change: MaybeWon = Field(None, alias="prdy_vrss")
    sign: Sign = Field(None, alias="prdy_vrss_sign")
    lock: Text = Field("", alias="flng_cls_code")
    split_ratio: MaybeDecimal = Field(None, alias="prtt_rate")
    modified: MaybeFlag = Field(None, alias="mod_yn")


class MinuteBar(Row):
    """One minute of a name. ``minute`` is KIS's stamp; ``volume`` is of that minute."""

    day: Day = Field(alias="stck_bsop_date")
    minute: Time = Field(alias="stck_cntg_hour")
    open: Won = Field(alias="stck_oprc")
    high: Won = Field(alias="stck_hgpr")
    low: Won = Field(alias="stck_lwpr")
    close: Won = Field(alias="stck_prpr")
    volume: Shares = Field(alias="cntg_vol")
    day_value: MaybeWon = Field(None, alias="acml_tr_pbmn")

    @property
    def at(self) -> datetime:
        """Day and minute, naive KST."""
        return datetime.combine(self.day, self.minute)


class IndexBar(Row):
    """One bar of an index (업종). Volume in thousand shares, value in 백만원 (inferred)."""

    day: Day = Field(alias="stck_bsop_date")
    open: Points = Field(alias="bstp_nmix_oprc")
    high: Points = Field(alias="bstp_nmix_hgpr")
    low: Points = Field(alias="bstp_nmix_lwpr")
    close: Points = Field(alias="bstp_nmix_prpr")
    volume: MaybeInt = Field(None, alias="acml_vol")
    value_traded: MaybeInt = Field(None, alias="acml_tr_pbmn")


class IndexMinute(Row):
    """One intraday bar of an index."""

    day: Day = Field(alias="stck_bsop_date")
    minute: Time = Field(alias="stck_cntg_hour")
    open: Points = Field(alias="bstp_nmix_oprc")
    high: Points = Field(alias="bstp_nmix_hgpr")
    low: Points = Field(alias="bstp_nmix_lwpr")
    close: Points = Field(alias="bstp_nmix_prpr")
    volume: MaybeInt = Field(None, alias="cntg_vol")


class IndexPrice(Row):
    """Current value of an index, and how many names rose and fell."""

    value: Points = Field(alias="bstp_nmix_prpr")
    change: MaybePoints = Field(None, alias="bstp_nmix_prdy_vrss")
    change_pct: MaybePercent = Field(None, alias="bstp_nmix_prdy_ctrt")
    sign: Sign = Field(None, alias="prdy_vrss_sign")
    open: MaybePoints = Field(None, alias="bstp_nmix_oprc")
    high: MaybePoints = Field(None, alias="bstp_nmix_hgpr")
    low: MaybePoints = Field(None, alias="bstp_nmix_lwpr")
    volume: MaybeInt = Field(None, alias="acml_vol")
    value_traded: MaybeInt = Field(None, alias="acml_tr_pbmn")
    rising: MaybeInt = Field(None, alias="ascn_issu_cnt")
    falling: MaybeInt = Field(None, alias="down_issu_cnt")
    unchanged: MaybeInt = Field(None, alias="stnr_issu_cnt")
    at_upper_limit: MaybeInt = Field(None, alias="uplm_issu_cnt")
    at_lower_limit: MaybeInt = Field(None, alias="lslm_issu_cnt")


class CalendarDay(Row):
    """One calendar day (국내휴장일). ``open`` says whether orders can be sent."""

    day: Day = Field(alias="bass_dt")
    open: Flag = Field(alias="opnd_yn")
    business_day: MaybeFlag = Field(None, alias="bzdy_yn")
    trading_day: MaybeFlag = Field(None, alias="tr_day_yn")
    settlement_day: MaybeFlag = Field(None, alias="sttl_day_yn")


class VIRow(Row):
    """One volatility interruption (VI). ``kind``: 1 static (정적), 2 dynamic (동적), 3 both."""

    ticker: Key = Field(alias="mksc_shrn_iscd")
    name: Text = Field("", alias="hts_kor_isnm")
    active: MaybeFlag = Field(None, alias="vi_cls_code")
    day: MaybeDay = Field(None, alias="bsop_date")
    started: MaybeTime = Field(None, alias="cntg_vi_hour")
    ended: MaybeTime = Field(None, alias="vi_cncl_hour")
    kind: Text = Field("", alias="vi_kind_code")
    price: MaybeWon = Field(None, alias="vi_prc")
    static_base: MaybeWon = Field(None, alias="vi_stnd_prc")
    dynamic_base: MaybeWon = Field(None, alias="vi_dmc_stnd_prc")
    count: MaybeInt = Field(None, alias="vi_count")


class MarketTime(Row):
    """The server's idea of today; the hours are those of futures, not of shares."""

    business_day: MaybeDay = Field(None, alias="date3")
    today: MaybeDay = None
    time: MaybeTime = None


class ProductInfo(Row):
    """A product (상품기본조회). ``isin`` is the standard code."""

    ticker: Key = Field(alias="shtn_pdno")
    isin: Text = Field("", alias="std_pdno")
    name: Text = Field("", alias="prdt_abrv_name")
    full_name: Text = Field("", alias="prdt_name120")
    english_name: Text = Field("", alias="prdt_eng_abrv_name")
    type: Text = Field("", alias="prdt_type_cd")


class StockInfo(Row):
    """A listed stock (주식기본조회). ``group``: ST share, EF ETF, EN ETN, EW ELW ..."""

    number: Key = Field(alias="pdno")
    name: Text = Field("", alias="prdt_abrv_name")
    market: Text = Field("", alias="mket_id_cd")
    group: Text = Field("", alias="scty_grp_id_cd")
    isin: Text = Field("", alias="std_pdno")
    listed_shares: MaybeShares = Field(None, alias="lstg_stqt")
    face_value: MaybeDecimal = Field(None, alias="papr")
    listed_kospi: MaybeDay = Field(None, alias="scts_mket_lstg_dt")
    listed_kosdaq: MaybeDay = Field(None, alias="kosdaq_mket_lstg_dt")
    delisted: MaybeDay = Field(None, alias="lstg_abol_dt")
    halted: MaybeFlag = Field(None, alias="tr_stop_yn")
    administrative: MaybeFlag = Field(None, alias="admn_item_yn")
    on_nextrade: MaybeFlag = Field(None, alias="cptt_trad_tr_psbl_yn")

    @property
    def ticker(self) -> str:
        """The last six characters of the 12-character product number."""
        return self.number[-6:]
