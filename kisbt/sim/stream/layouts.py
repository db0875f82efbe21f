"""Fields of the data frames, in order, by TR id and by layout.

``legacy`` is what stood until September 2026 (46 and 59 fields), ``current`` what is on the wire
since 2026-09-14: the mid-price block in order books and a market class at the end of both.
"""

from enum import StrEnum


class Layout(StrEnum):
    """Which generation of frames is sent."""

    LEGACY = "legacy"
    CURRENT = "current"


def _numbered(*stems: str) -> list[str]:
    return [f"{stem}{level}" for stem in stems for level in range(1, 11)]


TRADE = """
    MKSC_SHRN_ISCD STCK_CNTG_HOUR STCK_PRPR PRDY_VRSS_SIGN PRDY_VRSS PRDY_CTRT WGHN_AVRG_STCK_PRC
    STCK_OPRC STCK_HGPR STCK_LWPR ASKP1 BIDP1 CNTG_VOL ACML_VOL ACML_TR_PBMN SELN_CNTG_CSNU
    SHNU_CNTG_CSNU NTBY_CNTG_CSNU CTTR SELN_CNTG_SMTN SHNU_CNTG_SMTN CCLD_DVSN SHNU_RATE
    PRDY_VOL_VRSS_ACML_VOL_RATE OPRC_HOUR OPRC_VRSS_PRPR_SIGN OPRC_VRSS_PRPR HGPR_HOUR
    HGPR_VRSS_PRPR_SIGN HGPR_VRSS_PRPR LWPR_HOUR LWPR_VRSS_PRPR_SIGN LWPR_VRSS_PRPR BSOP_DATE
    NEW_MKOP_CLS_CODE TRHT_YN ASKP_RSQN1 BIDP_RSQN1 TOTAL_ASKP_RSQN TOTAL_BIDP_RSQN VOL_TNRT
    PRDY_SMNS_HOUR_ACML_VOL PRDY_SMNS_HOUR_ACML_VOL_RATE HOUR_CLS_CODE MRKT_TRTM_CLS_CODE
    VI_STND_PRC
"""
BOOK_TAIL = """
    TOTAL_ASKP_RSQN TOTAL_BIDP_RSQN OVTM_TOTAL_ASKP_RSQN OVTM_TOTAL_BIDP_RSQN ANTC_CNPR ANTC_CNQN
    ANTC_VOL ANTC_CNTG_VRSS ANTC_CNTG_VRSS_SIGN ANTC_CNTG_PRDY_CTRT ACML_VOL TOTAL_ASKP_RSQN_ICDC
    TOTAL_BIDP_RSQN_ICDC OVTM_TOTAL_ASKP_ICDC OVTM_TOTAL_BIDP_ICDC STCK_DEAL_CLS_CODE
"""
OPERATION = """
    MKSC_SHRN_ISCD TRHT_YN TR_SUSP_REAS_CNTT MKOP_CLS_CODE ANTC_MKOP_CLS_CODE MRKT_TRTM_CLS_CODE
    DIVI_APP_CLS_CODE ISCD_STAT_CLS_CODE VI_CLS_CODE OVTM_VI_CLS_CODE EXCH_CLS_CODE
"""
INDEX = """
    bstp_cls_code bsop_hour prpr_nmix prdy_vrss_sign bstp_nmix_prdy_vrss acml_vol acml_tr_pbmn
    pcas_vol pcas_tr_pbmn prdy_ctrt oprc_nmix nmix_hgpr nmix_lwpr oprc_vrss_nmix_prpr
    oprc_vrss_nmix_sign hgpr_vrss_nmix_prpr hgpr_vrss_nmix_sign lwpr_vrss_nmix_prpr
    lwpr_vrss_nmix_sign prdy_clpr_vrss_oprc_rate prdy_clpr_vrss_hgpr_rate prdy_clpr_vrss_lwpr_rate
    uplm_issu_cnt ascn_issu_cnt stnr_issu_cnt down_issu_cnt lslm_issu_cnt qtqt_ascn_issu_cnt
    qtqt_down_issu_cnt tick_vrss
"""
NOTICE = """
    CUST_ID ACNT_NO ODER_NO OODER_NO SELN_BYOV_CLS RCTF_CLS ODER_KIND ODER_COND STCK_SHRN_ISCD
    CNTG_QTY CNTG_UNPR STCK_CNTG_HOUR RFUS_YN CNTG_YN ACPT_YN BRNC_NO ODER_QTY ACNT_NAME
"""
NOTICE_TAILS = {
    26: "ORD_COND_PRC ORD_EXG_GB POPUP_YN FILLER CRDT_CLS CRDT_LOAN_DATE CNTG_ISNM40 ODER_PRC",
    23: "CNTG_ISNM CRDT_CLS CRDT_LOAN_DATE CNTG_ISNM40 ODER_PRC",
}
_MID = ["KMID_PRC", "KMID_TOTAL_RSQN", "KMID_CLS_CODE"]
_BOTH_MIDS = [*_MID, "NMID_PRC", "NMID_TOTAL_RSQN", "NMID_CLS_CODE"]
_BOOK = [
    *("MKSC_SHRN_ISCD", "BSOP_HOUR", "HOUR_CLS_CODE"),
    *_numbered("ASKP", "BIDP", "ASKP_RSQN", "BIDP_RSQN"),
    *BOOK_TAIL.split(),
]
_CLASS = ["MARKET_CLS_CODE"]

PRICE_TRS = ("H0STCNT0", "H0UNCNT0", "H0NXCNT0")
BOOK_TRS = ("H0STASP0", "H0UNASP0", "H0NXASP0")
EXPECTED_TRS = ("H0STANC0", "H0UNANC0", "H0NXANC0")
OPERATION_TRS = ("H0STMKO0", "H0UNMKO0", "H0NXMKO0")
INDEX_TRS = ("H0UPCNT0",)
NOTICE_TRS = ("H0STCNI0", "H0STCNI9")
SILENT_TRS = (
    "H0STPGM0", "H0STMBC0", "H0STOUP0", "H0STOAC0", "H0STOAA0", "H0STNAV0", "H0UNPGM0", "H0UNMBC0",
    "H0NXPGM0", "H0NXMBC0", "H0UPANC0", "H0UPPGM0", "H0GSCNI0", "H0GSCNI9",
)  # fmt: skip
"""Acknowledged and never followed by data: the dataset has nothing to say there."""

PAPER_TRS = ("H0STCNT0", "H0STASP0", "H0STCNI0", "H0STCNI9", "H0GSCNI0", "H0GSCNI9")


def fields(tr_id: str, layout: Layout) -> list[str]:
    """Field names of one record of a data frame.

    Raises:
        KeyError: no data frames are sent for this TR id.
    """
    current = layout is Layout.CURRENT
    if tr_id in PRICE_TRS:
        return TRADE.split() + (_CLASS if current else [])
    if tr_id == "H0STASP0":
        return _BOOK + (_MID + _CLASS if current else [])
    if tr_id in BOOK_TRS:
        return _BOOK + _BOTH_MIDS + (_CLASS if current else [])
    if tr_id in EXPECTED_TRS:
        return TRADE.split()[: 45 if tr_id == "H0STANC0" else 46]
    if tr_id in OPERATION_TRS:
        return OPERATION.split()
    if tr_id in INDEX_TRS:
        return INDEX.split()
    raise KeyError(tr_id)


def notice_fields(count: int) -> list[str]:
    """Field names of an order notice of 26 or, older, 23 fields."""
    return NOTICE.split() + NOTICE_TAILS[count].split()
