"""Keys and accounts that open a door, made up from a seed unless given, and their YAML."""

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass

from kisbt.sim.exchange.account import Holder
from kisbt.sim.flavour import Flavour

KEY_LENGTH, SECRET_LENGTH = 36, 180
"""KIS's own lengths; python-kis refuses any other."""


@dataclass(frozen=True)
class Credentials:
    """One key pair and the account behind it."""

    appkey: str
    appsecret: str
    holder: Holder

    def __repr__(self) -> str:
        """Never the secret."""
        return f"Credentials(account={self.holder.number[:2]}******)"


def make_up(seed: int, flavour: Flavour, number: int = 0) -> Credentials:
    """Credentials that depend on the arguments alone."""
    draw = random.Random(f"{seed}:{flavour}:{number}:credentials")
    letters = string.ascii_letters + string.digits
    appkey = "PS" + "".join(draw.choices(letters, k=KEY_LENGTH - 2))
    secret = "".join(draw.choices(letters + "+/", k=SECRET_LENGTH - 1)) + "="
    first = "5" if flavour is Flavour.PAPER else "7"
    account = first + "".join(draw.choices(string.digits, k=7))
    hts_id = f"kisbt{flavour[0]}{number}"
    return Credentials(appkey, secret, Holder(account, "01", hts_id, "김한투"))


def devlp_yaml(doors: Mapping[Flavour, tuple[Credentials, str, str]]) -> str:
    """``kis_devlp.yaml`` as KIS users have it, pointing at the simulator.

    ``doors`` gives each served environment's credentials, REST address and stream address.
    """
    lines = ["# made by kisbt sim; keys and accounts are made up and work on this simulator only"]
    names = {Flavour.REAL: ("my_app", "my_sec"), Flavour.PAPER: ("paper_app", "paper_sec")}
    accounts = {
        Flavour.REAL: ("my_acct_stock", "my_acct_future"),
        Flavour.PAPER: ("my_paper_stock", "my_paper_future"),
    }
    hosts = {Flavour.REAL: ("prod", "ops"), Flavour.PAPER: ("vps", "vops")}
    some = next(iter(doors.values()))
    for flavour in (Flavour.REAL, Flavour.PAPER):
        credentials, rest, stream = doors.get(flavour, (None, some[1], some[2]))
        key, secret = (credentials.appkey, credentials.appsecret) if credentials else ("", "")
        number = credentials.holder.number if credentials else ""
        lines += [
            f'{names[flavour][0]}: "{key}"',
            f'{names[flavour][1]}: "{secret}"',
            f'{accounts[flavour][0]}: "{number}"',
            f'{accounts[flavour][1]}: ""',
            f'{hosts[flavour][0]}: "{rest}"',
            f'{hosts[flavour][1]}: "{stream}"',
        ]
    lines += [
        f'my_htsid: "{some[0].holder.hts_id}"',
        'my_prod: "01"',
        'my_token: ""',
        'my_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) kisbt-sim"',
    ]
    return "\n".join(lines) + "\n"
