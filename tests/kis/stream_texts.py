"""Stream texts of the shapes that KIS sends."""

import base64
import json

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from kisbt.kis.crypto import StreamKey

_TRADE = (
    "000660^101530^128500^2^1500^1.18^128123.45^127000^129000^126500^128500^128000^17^2345678"
    "^300400500600^4321^5678^1357^104.27^1100200^1147300^1^0.51^88.10^090021^2^1500^093112^5^-500"
    "^090544^2^2000^20260921^20^N^9120^30455^412345^398765^0.32^2661234^88.14^0^^127000"
)
_ASKS = "^".join(str(128500 + 500 * step) for step in range(10))
_BIDS = "^".join(str(128000 - 500 * step) for step in range(10))
_WAITING = "^".join(str(1000 + step) for step in range(20))
_BOOK = (
    f"000660^101531^0^{_ASKS}^{_BIDS}^{_WAITING}^10045^10145^0^0^0^0^2345^-127000^5^-100.00"
    "^2345678^1^1^0^0^0"
)
_NOTICE_23 = (
    "hts-login-7^5012345601^0000002891^^02^0^00^0^136480^0000000001^000003190^094941^0^2^2^06010"
    "^000000001^김한투^하림^10^^하림^000000000"
)
TRADE_FIELDS = _TRADE.split("^")
NOTICE_FIELDS_23 = _NOTICE_23.split("^")

TRADE = f"0|H0STCNT0|001|{'^'.join(TRADE_FIELDS)}"
BOOK = f"0|H0STASP0|001|{_BOOK}"
VENUE = "0|H0STMKO0|001|396300^N^(null)^^311^^^55^N^N"


def trade(volume: int, day_volume: int, *, ticker: str = "000660", at: str = "101530") -> str:
    """One trade frame with the given volumes."""
    fields = list(TRADE_FIELDS)
    fields[0], fields[1], fields[12], fields[13] = ticker, at, str(volume), str(day_volume)
    return f"0|H0STCNT0|001|{'^'.join(fields)}"


def key() -> StreamKey:
    return StreamKey("abcdefghijklmnopabcdefghijklmnop", "0123456789abcdef")


def encrypt(text: str, stream_key: StreamKey) -> str:
    """AES-256-CBC, PKCS#7, base64: what the server does to a notice."""
    padder = PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    cipher = Cipher(algorithms.AES256(stream_key.key.encode()), modes.CBC(stream_key.iv.encode()))
    encryptor = cipher.encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def encrypted(tr_id: str, text: str) -> str:
    return f"1|{tr_id}|001|{encrypt(text, key())}"


def ack(tr_id: str, tr_key: str, code: str = "OPSP0000", text: str = "SUBSCRIBE SUCCESS") -> str:
    body: dict[str, object] = {
        "rt_cd": "0" if code in ("OPSP0000", "OPSP0001") else "1",
        "msg_cd": code,
        "msg1": text,
    }
    if code == "OPSP0000":
        body["output"] = {"iv": key().iv, "key": key().key}
    encrypts = "Y" if tr_id.startswith("H0STCNI") else "N"
    return json.dumps(
        {"header": {"tr_id": tr_id, "tr_key": tr_key, "encrypt": encrypts}, "body": body}
    )
