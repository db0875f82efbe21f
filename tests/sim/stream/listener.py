"""A socket without a network: registers, and reads what came, decrypting notices itself."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kisbt.sim.flavour import Flavour
from kisbt.sim.simulator import Simulator


class Listener:
    """One socket of one key."""

    def __init__(self, sim: Simulator, flavour: Flavour = Flavour.PAPER, pair: int = 0) -> None:
        self.door = sim.doors[flavour]
        self.key = self.door.credentials[pair]
        self.hub = self.door.hub
        self.session = self.hub.open()
        self.approval = self.door.gateway.issue_approval(self.key.appkey, self.key.appsecret)[
            "approval_key"
        ]

    def ask(self, tr_id: str, key: str, tr_type: str = "1", **header: str) -> dict[str, Any]:
        """Register or unregister; returns the acknowledgement."""
        message = {
            "header": {
                "approval_key": self.approval,
                "custtype": "P",
                "tr_type": tr_type,
                "content-type": "utf-8",
                **header,
            },
            "body": {"input": {"tr_id": tr_id, "tr_key": key}},
        }
        return self.say(json.dumps(message))

    def say(self, text: str) -> dict[str, Any]:
        """Send raw text; returns the acknowledgement, if any."""
        self.hub.receive(self.session, text)
        answer = self.session.outbox.pop() if self.session.outbox else "{}"
        return json.loads(answer)

    def frames(self, tr_id: str) -> list[list[list[str]]]:
        """Data frames of a TR since the last call, each a list of records of fields."""
        found, rest = [], []
        for frame in self.session.outbox:
            parts = frame.split("|", 3)
            if frame[0] not in "01" or parts[1] != tr_id:
                rest.append(frame)
                continue
            body = self.decrypted(parts[3]) if parts[0] == "1" else parts[3]
            fields = body.split("^")
            size = len(fields) // int(parts[2])
            assert size * int(parts[2]) == len(fields)
            found.append([fields[n : n + size] for n in range(0, len(fields), size)])
        self.session.outbox.clear()
        self.session.outbox.extend(rest)
        return found

    def decrypted(self, text: str) -> str:
        """AES-256-CBC, PKCS#7, with key and iv as this socket's acks gave them."""
        cipher = Cipher(
            algorithms.AES(self.session.key.encode()), modes.CBC(self.session.iv.encode())
        ).decryptor()
        padded = cipher.update(base64.b64decode(text)) + cipher.finalize()
        return padded[: -padded[-1]].decode()
