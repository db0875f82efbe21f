"""A well-formed request for every endpoint: what its sheet asks for."""

from datetime import date

from kisbt.sim.rest.table import ABROAD, ENDPOINTS, Endpoint

NAME = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
INDEX = {"FID_COND_MRKT_DIV_CODE": "U", "FID_INPUT_ISCD": "0001"}
RANK = {
    "FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "0000", "FID_DIV_CLS_CODE": "0",
    "FID_INPUT_PRICE_1": "", "FID_INPUT_PRICE_2": "", "FID_VOL_CNT": "", "FID_TRGT_CLS_CODE": "0",
    "FID_TRGT_EXLS_CLS_CODE": "0", "FID_COND_SCR_DIV_CODE": "20171", "FID_BLNG_CLS_CODE": "0",
    "FID_RANK_SORT_CLS_CODE": "0000", "FID_RSFL_RATE1": "", "FID_RSFL_RATE2": "",
}  # fmt: skip


def fields(endpoint: Endpoint, account: dict[str, str], today: date) -> dict[str, str]:
    """Fields that the endpoint answers with rows or values."""
    name, day = endpoint.path.rsplit("/", 1)[1], f"{today:%Y%m%d}"
    span = {"FID_INPUT_DATE_1": "20240101", "FID_INPUT_DATE_2": day, "FID_PERIOD_DIV_CODE": "D"}
    if "/trading/" in endpoint.path:
        return account | {
            "PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": "1", "ORD_UNPR": "0",
            "INQR_STRT_DT": day, "INQR_END_DT": day, "SORT_DVSN": "00", "INQR_DVSN": "02",
            "CTX_AREA_FK100": "", "CTX_AREA_NK100": "",
            "RVSE_CNCL_DVSN_CD": "02", "ORGN_ODNO": "0000000001",
        }  # fmt: skip
    if name == "inquire-index-daily-price":
        return INDEX | {"FID_INPUT_DATE_1": day, "FID_PERIOD_DIV_CODE": "D"}
    if "index" in name:
        return INDEX | span | {"FID_INPUT_HOUR_1": "60", "FID_PW_DATA_INCU_YN": "Y"}
    if name in ("volume-rank",) or "/ranking/" in endpoint.path:
        return RANK
    if name.startswith("search"):
        return {"PDNO": "005930", "PRDT_TYPE_CD": "300"}
    if name == "chk-holiday":
        return {"BASS_DT": day, "CTX_AREA_FK": "", "CTX_AREA_NK": ""}
    if name == "inquire-vi-status":
        return {"FID_DIV_CLS_CODE": "0", "FID_INPUT_ISCD": "", "FID_INPUT_DATE_1": day}
    if name == "intstock-multprice":
        return {"FID_INPUT_ISCD_1": "005930", "FID_INPUT_ISCD_2": "000660"}
    if name == "inquire-time-dailychartprice":
        return NAME | {"FID_INPUT_DATE_1": day, "FID_INPUT_HOUR_1": "153000"}
    return NAME | span | {"FID_INPUT_HOUR_1": "153000", "FID_ORG_ADJ_PRC": "0"}


DOMESTIC = [endpoint for endpoint in ENDPOINTS if not endpoint.path.startswith(ABROAD)]
