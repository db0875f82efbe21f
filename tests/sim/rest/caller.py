"""Calls a front as a client does, without sockets."""

import json
from typing import Any
from urllib.parse import urlencode

from kisbt.sim.flavour import Flavour
from kisbt.sim.rest.front import Reply
from kisbt.sim.simulator import Simulator

ROOT = "/uapi/domestic-stock/v1"
QUOTES, TRADING = f"{ROOT}/quotations", f"{ROOT}/trading"


class Caller:
    """One key at one door."""

    def __init__(self, sim: Simulator, flavour: Flavour = Flavour.PAPER) -> None:
        self.sim = sim
        self.door = sim.doors[flavour]
        self.key = self.door.credentials[0]
        self.token = self.door.gateway.issue_token(self.key.appkey, self.key.appsecret)[
            "access_token"
        ]

    @property
    def account(self) -> dict[str, str]:
        """Account fields."""
        holder = self.key.holder
        return {"CANO": holder.number, "ACNT_PRDT_CD": holder.product}

    def headers(self, tr_id: str, **more: str) -> dict[str, str]:
        """What every request carries."""
        return {
            "authorization": f"Bearer {self.token}",
            "appkey": self.key.appkey,
            "appsecret": self.key.appsecret,
            "tr_id": tr_id,
            **more,
        }

    def raw(self, method: str, path: str, tr_id: str, fields: dict[str, Any], **more: str) -> Reply:
        """A reply as it goes out."""
        query = "" if method == "POST" else urlencode(fields)
        body = json.dumps(fields).encode() if method == "POST" else b""
        return self.door.front.respond(method, path, query, self.headers(tr_id, **more), body)

    def get(self, path: str, tr_id: str, **fields: str) -> dict[str, Any]:
        """The body of a quotation."""
        return json.loads(self.raw("GET", path, tr_id, fields).body)

    def mine(self, name: str, tr_id: str, **fields: str) -> dict[str, Any]:
        """The body of an account query."""
        return self.get(f"{TRADING}/{name}", tr_id, **self.account, **fields)

    def send(self, tr_id: str, quantity: int, price: int = 0, **more: str) -> dict[str, Any]:
        """The body of an order of 005930."""
        fields = {
            **self.account,
            "PDNO": "005930",
            "ORD_DVSN": "00" if price else "01",
            "ORD_QTY": str(quantity),
            "ORD_UNPR": str(price),
            **more,
        }
        return json.loads(self.raw("POST", f"{TRADING}/order-cash", tr_id, fields).body)

    def change(self, tr_id: str, odno: str, what: str, **more: str) -> dict[str, Any]:
        """The body of a modification (01) or cancellation (02) of a whole rest."""
        fields = {
            **self.account,
            "KRX_FWDG_ORD_ORGNO": "",
            "ORGN_ODNO": odno,
            "ORD_DVSN": "00",
            "RVSE_CNCL_DVSN_CD": what,
            "ORD_QTY": "0",
            "ORD_UNPR": "0",
            "QTY_ALL_ORD_YN": "Y",
            **more,
        }
        return json.loads(self.raw("POST", f"{TRADING}/order-rvsecncl", tr_id, fields).body)

    def executions(self, tr_id: str = "VTTC0081R", **more: str) -> dict[str, Any]:
        """Today's orders."""
        today = f"{self.sim.stamp():%Y%m%d}"
        fields = {
            "INQR_STRT_DT": today,
            "INQR_END_DT": today,
            "SLL_BUY_DVSN_CD": "00",
            "INQR_DVSN": "01",
            "CCLD_DVSN": "00",
            "PDNO": "",
            **more,
        }
        return self.mine("inquire-daily-ccld", tr_id, **fields)


def band(sim: Simulator, ticker: str = "005930") -> Any:
    """Today's limits."""
    return sim.floor.name(ticker).band
