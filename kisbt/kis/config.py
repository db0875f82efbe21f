"""Reads ``kis_devlp.yaml`` as KIS users have it; environment variables win over it.

Every key of the file has a variable of the same name in capitals behind ``KIS_``:
``my_app`` is ``KIS_MY_APP``, ``paper_sec`` is ``KIS_PAPER_SEC``, ``vps`` is ``KIS_VPS``.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple
from urllib.parse import urlsplit

import yaml
from pydantic import SecretStr

from kisbt.errors import ConfigError
from kisbt.kis.environment import Env, Paper, Real, RealQuotes
from kisbt.kis.redact import Redactor

FILE = "kis_devlp.yaml"
DEFAULT_FOLDER = Path("~/KIS/config")
PRODUCTS = ("01", "03", "08", "21", "22", "29")
"""Account product codes (계좌상품코드): 01 stocks, 22 and 29 pensions."""

REAL_HOST, PAPER_HOST = "openapi.koreainvestment.com", "openapivts.koreainvestment.com"

DEFAULTS = {
    "prod": f"https://{REAL_HOST}:9443",
    "vps": f"https://{PAPER_HOST}:29443",
    "ops": "ws://ops.koreainvestment.com:21000",
    "vops": "ws://ops.koreainvestment.com:31000",
    "my_prod": "01",
    "my_agent": "Mozilla/5.0 (kisbt)",
}
_SECRET = ("my_app", "my_sec", "paper_app", "paper_sec")
KEYS = (*_SECRET, "my_htsid", "my_acct_stock", "my_paper_stock", *DEFAULTS)


class _Slots(NamedTuple):
    """Which keys of the file one environment reads."""

    app: str
    secret: str
    account: str
    rest: str
    stream: str
    foreign_host: str


_PAPER = _Slots("paper_app", "paper_sec", "my_paper_stock", "vps", "vops", REAL_HOST)
_REAL = _Slots("my_app", "my_sec", "my_acct_stock", "prod", "ops", PAPER_HOST)


@dataclass(frozen=True)
class Access(Generic[Env]):
    """What one session needs to reach KIS. Shows no secret when printed.

    ``account`` is the first 8 digits (CANO), ``product`` the last two (ACNT_PRDT_CD).
    """

    environment: Env
    app_key: SecretStr
    app_secret: SecretStr
    account: SecretStr
    product: str
    hts_id: SecretStr
    rest_url: str
    stream_url: str
    agent: str
    redactor: Redactor = field(default_factory=Redactor, compare=False, repr=False)


class KISConfig:
    """The settings of one user, secrets included; printing it shows none of them."""

    def __init__(self, values: Mapping[str, str], source: str, path: Path | None = None) -> None:
        self._values = {**DEFAULTS, **{key: text for key, text in values.items() if text}}
        self.source, self.path = source, path

    def __repr__(self) -> str:
        return f"KISConfig({self.source!r})"

    def has_keys(self, environment: Paper | Real | RealQuotes) -> bool:
        """Whether both halves of a key pair are there."""
        slots = _slots(environment)
        return bool(self._values.get(slots.app) and self._values.get(slots.secret))

    def access(self, environment: Env) -> Access[Env]:
        """Return what a session of ``environment`` needs.

        Raises:
            ConfigError: a key, the account or a URL is missing or cannot be right.
        """
        slots = _slots(environment)
        app_key, app_secret = self._key(slots.app), self._key(slots.secret)
        other = _REAL if slots is _PAPER else _PAPER
        if app_key == self._values.get(other.app):
            raise ConfigError(
                f"{self.source}: {slots.app} and {other.app} are the same key",
                hint="paper (모의) and real (실전) have a key pair each",
            )
        account, product = ("", self._values["my_prod"])
        if not isinstance(environment, RealQuotes):
            account, product = self._account(slots.account)
        hts_id = self._values.get("my_htsid", "")
        agent = self._values["my_agent"]
        if not re.fullmatch(r"[\x20-\x7e]+", agent):
            raise ConfigError(f"{self.source}: my_agent holds letters that no HTTP header may")
        redactor = Redactor(app_key, app_secret, account + product, account, hts_id)
        return Access(
            environment=environment,
            app_key=SecretStr(app_key),
            app_secret=SecretStr(app_secret),
            account=SecretStr(account),
            product=product,
            hts_id=SecretStr(hts_id),
            rest_url=self._url(slots.rest, ("https", "http"), slots.foreign_host),
            stream_url=self._url(slots.stream, ("wss", "ws"), slots.foreign_host),
            agent=agent,
            redactor=redactor,
        )

    def _key(self, name: str) -> str:
        text = self._values.get(name, "")
        if not text:
            raise ConfigError(
                f"{self.source}: {name} is missing",
                hint=f"put it into {FILE} or set {_variable(name)}",
            )
        if not re.fullmatch(r"[\x21-\x7e]+", text):
            raise ConfigError(
                f"{self.source}: {name} is not a key: it holds spaces or letters no key has",
                hint="copy it again from the KIS Developers portal",
            )
        return text

    def _account(self, name: str) -> tuple[str, str]:
        digits = self._values.get(name, "").replace("-", "")
        product = self._values["my_prod"]
        if not digits:
            raise ConfigError(
                f"{self.source}: {name} is missing",
                hint="the first 8 digits of the account number (계좌번호)",
            )
        if len(digits) == 10:
            digits, product = digits[:8], digits[8:]
        if not re.fullmatch(r"\d{8}", digits):
            raise ConfigError(
                f"{self.source}: {name} is not an account number",
                hint="8 digits, or 8 and 2 as in 12345678-01",
            )
        if product not in PRODUCTS:
            raise ConfigError(
                f"{self.source}: product code {product!r} (my_prod) does not exist",
                hint="01 for an ordinary stock account",
            )
        return digits, product

    def _url(self, name: str, schemes: tuple[str, ...], foreign_host: str) -> str:
        url = self._values[name].rstrip("/")
        try:
            parts = urlsplit(url)
            valid = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise ConfigError(
                f"{self.source}: {name} is not a URL of the kind {schemes[0]}://host:port"
            )
        if parts.hostname == foreign_host:
            raise ConfigError(
                f"{self.source}: {name} points to the other environment's host {foreign_host}",
                hint=f"the default is {DEFAULTS[name]}",
            )
        return url


def load_config(folder: Path | None = None, environ: Mapping[str, str] | None = None) -> KISConfig:
    """Read ``kis_devlp.yaml`` in ``folder`` (default: ``KIS_CONFIG_DIR``, then ``~/KIS/config``).

    A missing file is no error when the environment holds keys.

    Raises:
        ConfigError: no file and no keys, or a file that is not YAML of keys and texts.
    """
    environ = os.environ if environ is None else environ
    if folder is None:
        folder = Path(environ.get("KIS_CONFIG_DIR") or DEFAULT_FOLDER)
    path = folder.expanduser() / FILE
    values = _read(path) if path.is_file() else {}
    overrides = {key: environ[_variable(key)] for key in KEYS if environ.get(_variable(key))}
    if not values and not any(key in overrides for key in _SECRET):
        raise ConfigError(
            f"no KIS keys: {path} does not exist and no {_variable('paper_app')} is set",
            hint="get keys from the KIS Developers portal, or try `kisbt sim --write-config`",
        )
    if not values:
        return KISConfig(overrides, "environment")
    return KISConfig({**values, **overrides}, FILE, path)


def _read(path: Path) -> dict[str, str]:
    """Return the texts of a YAML file. Parser messages quote the file, so none is passed on."""
    failure: ConfigError | None = None
    try:
        raw = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
    except UnicodeDecodeError:
        failure = ConfigError(f"{path.name}: not UTF-8 text", hint="save it as UTF-8")
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        failure = ConfigError(
            f"{path.name}: line {line}: not valid YAML", hint="each line is `name: text`"
        )
    except (yaml.YAMLError, OSError) as error:
        failure = ConfigError(f"{path.name}: cannot be read ({type(error).__name__})")
    if failure is not None:
        raise failure
    if not isinstance(raw, dict):
        raise ConfigError(f"{path.name}: not a list of `name: text` lines")
    for key in KEYS:
        if not isinstance(raw.get(key, ""), str):
            raise ConfigError(f"{path.name}: {key} is not one text")
    return {key: raw[key].strip() for key in KEYS if key in raw}


def _slots(environment: Paper | Real | RealQuotes) -> _Slots:
    return _PAPER if isinstance(environment, Paper) else _REAL


def _variable(key: str) -> str:
    return f"KIS_{key.upper()}"
