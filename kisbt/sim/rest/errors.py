"""KIS's error codes and texts, by what went wrong and by environment.

Gateway errors (``EGW``) come with HTTP 500, those of ``/oauth2`` with 403 and another body, all
business refusals with 200. Codes and texts marked (u) are guesses: no capture shows them.
"""

from typing import Any, NamedTuple

from kisbt.sim.exchange.refusals import Refusal
from kisbt.sim.flavour import Flavour


class GatewayError(Exception):
    """The gateway turns a request away. ``body`` is complete."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(body.get("msg_cd") or body.get("error_code")))
        self.status = status
        self.body = body


class BusinessError(Exception):
    """KIS's back office refuses: HTTP 200, ``rt_cd`` 1 or 7."""

    def __init__(self, msg_cd: str, msg1: str, rt_cd: str = "1") -> None:
        super().__init__(msg_cd)
        self.body = {"rt_cd": rt_cd, "msg_cd": msg_cd, "msg1": msg1}


GATEWAY_TEXTS = {
    "EGW00002": "서버 에러가 발생했습니다.",
    "EGW00101": "유효하지 않은 요청입니다.",
    "EGW00102": "AppKey는 필수입니다.",
    "EGW00103": "유효하지 않은 AppKey입니다.",
    "EGW00104": "AppSecret은 필수입니다.",
    "EGW00105": "유효하지 않은 AppSecret입니다.",
    "EGW00115": "grant_type은 필수입니다.",
    "EGW00116": "유효하지 않은 grant_type입니다.",
    "EGW00121": "유효하지 않은 token 입니다.",
    "EGW00122": "token을 찾을 수 없습니다.",
    "EGW00123": "기간이 만료된 token 입니다.",
    "EGW00131": "유효하지 않은 hashkey입니다.",
    "EGW00133": "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)",
    "EGW00201": "초당 거래건수를 초과하였습니다.",
    "EGW00202": "GW라우팅 중 오류가 발생했습니다.",
    "EGW00203": "OPS라우팅 중 오류가 발생했습니다.",
    "EGW00205": "credentials_type이 유효하지 않습니다.(Bearer)",
    "EGW02004": "실전투자 서버에서는 모의투자 appkey를 사용할 수 없습니다.",
    "EGW02006": "모의투자 TR 이 아닙니다.",
    "EGW02007": "모의투자 appkey 가 아닙니다.",
    "OPSQ0002": "없는 서비스 코드 입니다.",
}


def refusal(code: str, status: int = 500) -> GatewayError:
    """A gateway error on ``/uapi``."""
    return GatewayError(status, {"rt_cd": "1", "msg_cd": code, "msg1": GATEWAY_TEXTS[code]})


def oauth_refusal(code: str) -> GatewayError:
    """A gateway error on ``/oauth2``: another body, HTTP 403."""
    return GatewayError(403, {"error_description": GATEWAY_TEXTS[code], "error_code": code})


def missing_field(name: str) -> BusinessError:
    """A required field is absent."""
    return BusinessError("OPSQ2001", f"ERROR : INPUT FIELD NOT FOUND [{name}]")


def long_field(name: str) -> BusinessError:
    """A field is longer than its sheet allows, or not what it must be."""
    return BusinessError("OPSQ2002", f"ERROR : INPUT INVALID_CHECK_FIELD_LENGTH [{name}]")


def bad_json() -> BusinessError:
    """The body is not a JSON object."""
    return BusinessError("OPSQ9995", "ERROR : JSON PARSING ERROR")


class _Texts(NamedTuple):
    real: tuple[str, str, str]
    paper: tuple[str, str]


_REFUSALS = {
    Refusal.UNKNOWN_CODE: _Texts(
        ("7", "APBK0656", "해당종목정보가 없습니다."),
        ("40310000", "모의투자 주문처리가 안되었습니다(종목코드 오류)"),  # (u)
    ),
    Refusal.UNKNOWN_KIND: _Texts(
        ("7", "APBK0505", "주문구분을 확인하여 주십시오."),  # (u)
        ("40310000", "모의투자 주문처리가 안되었습니다(주문구분 오류)"),  # (u)
    ),
    Refusal.UNKNOWN_VENUE: _Texts(
        ("7", "APBK0509", "NXT 거래가능 종목이 아닙니다."),  # (u)
        ("90000000", "모의투자에서는 해당업무가 제공되지 않습니다."),
    ),
    Refusal.QUANTITY: _Texts(
        ("7", "APBK0501", "주문수량을 확인하여 주십시오."),  # (u)
        ("40310000", "모의투자 주문처리가 안되었습니다(주문수량 오류)"),
    ),
    Refusal.PRICE: _Texts(
        ("7", "APBK0502", "주문단가를 확인하여 주십시오."),  # (u)
        ("40310000", "모의투자 주문처리가 안되었습니다(주문단가 오류)"),
    ),
    Refusal.TICK: _Texts(
        ("7", "APBK0506", "주식주문호가단위 오류입니다."),  # code (u)
        ("40030000", "모의투자 주문처리가 안되었습니다(호가단위 오류)"),
    ),
    Refusal.BAND: _Texts(
        ("7", "APBK0507", "상한가 또는 하한가를 벗어난 주문입니다."),  # (u)
        ("40310000", "모의투자 주문처리가 안되었습니다(상하한가 오류)"),  # (u)
    ),
    Refusal.CASH: _Texts(
        ("7", "APBK0952", "주문가능금액을 초과 했습니다"),
        ("40250000", "모의투자 주문가능금액이 부족합니다."),
    ),
    Refusal.SHARES: _Texts(
        ("7", "APBK0400", "주문 가능한 수량을 초과했습니다."),
        ("40240000", "모의투자 잔고내역이 없습니다."),
    ),
    Refusal.HOLIDAY: _Texts(
        ("1", "APBK0919", "장운영일자가 주문일과 상이합니다"),
        ("40100000", "모의투자 영업일이 아닙니다."),
    ),
    Refusal.BEFORE_OPEN: _Texts(
        ("1", "APBK0918", "장운영시간이 아닙니다.(장개시전 주문불가시간)"),
        ("40570000", "모의투자 장시작전 입니다."),
    ),
    Refusal.AFTER_CLOSE: _Texts(
        ("1", "APBK0918", "장운영시간이 아닙니다.(장종료동시마감(129) 주문불가시간)"),
        ("40580000", "모의투자 장종료 입니다."),
    ),
    Refusal.NOT_NOW: _Texts(
        ("1", "APBK0918", "장운영시간이 아닙니다.(주문구분별 주문불가시간)"),
        ("40310000", "모의투자 주문처리가 안되었습니다(주문구분 오류)"),  # (u)
    ),
    Refusal.HALTED: _Texts(
        ("7", "APBK0066", "거래정지 종목입니다."),
        ("40310000", "모의투자 주문처리가 안되었습니다(거래정지 종목)"),  # (u)
    ),
    Refusal.NOTHING_LEFT: _Texts(
        ("7", "APBK0344", "정정/취소할 수량이 없습니다."),  # code (u)
        ("40330000", "모의투자 정정/취소할 수량이 없습니다."),
    ),
    Refusal.UNKNOWN_ORDER: _Texts(
        ("7", "APBK0345", "원주문번호가 존재하지 않습니다."),  # (u)
        ("40330000", "모의투자 정정/취소할 수량이 없습니다."),
    ),
}


def order_refusal(reason: Refusal, flavour: Flavour) -> BusinessError:
    """What KIS says to an order that the venue does not take."""
    texts = _REFUSALS[reason]
    if flavour is Flavour.PAPER:
        return BusinessError(*texts.paper)
    rt_cd, code, text = texts.real
    return BusinessError(code, text, rt_cd)


def wrong_account(flavour: Flavour) -> BusinessError:
    """The account number is not this key's."""
    if flavour is Flavour.PAPER:
        return BusinessError("IGW00002", "모의투자 계좌번호를 확인하여 주십시오.")
    return BusinessError("APAC0081", "계좌번호 입력 오류입니다", "7")


def wrong_product() -> BusinessError:
    """The two digits after the account number do not fit."""
    return BusinessError("APBK1271", "상품코드가 일치하지 않습니다.")
