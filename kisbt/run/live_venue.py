"""Where a live session trades: the embedded simulator, KIS paper (모의), or real money (실전)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from kisbt.config import Settings
from kisbt.data.dataset import Dataset
from kisbt.errors import ConfigError
from kisbt.journal.controls import scope_of
from kisbt.journal.runs import RunMode
from kisbt.kis.client import KISClient
from kisbt.kis.config import DEFAULT_FOLDER, FILE, Access, KISConfig, load_config
from kisbt.kis.environment import Paper, Real
from kisbt.krx import calendar
from kisbt.sim.credentials import devlp_yaml
from kisbt.sim.flavour import Flavour
from kisbt.sim.options import LOCKSTEP, SimOptions
from kisbt.sim.runner import RunningSimulator
from kisbt.sim.simulator import Simulator

Wanted = Literal["auto", "sim", "real"]
"""``auto``: paper with keys, else the embedded simulator. ``sim``: that one in any case."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")

DIGITS = 4
"""How many last digits of the account number a person types before real money moves."""

_ENV_PREFIX = "KIS_"


class VenueTime:
    """The time that a client takes for today's: the wall clock's until a session has a clock.

    A simulator replays another day, and a client that asked for today's orders would find none.
    """

    def __init__(self) -> None:
        self.read: Callable[[], datetime] = calendar.now

    def __call__(self) -> datetime:
        """Naive KST."""
        return self.read()


@dataclass(frozen=True)
class Venue:
    """An account that a session can trade.

    Attributes:
        mode: What the journal calls it: ``sim``, ``paper`` or ``real``.
        scope: The account's name in the journal.
        said: The first line of the session: where it trades, and why there.
        client: The account's client; ``time`` tells it what day it is.
        account: Ten digits.
        simulator: The embedded simulator, if that is the venue.
        speed: Venue seconds a wall second; ``LOCKSTEP`` moves only when the session waits.
    """

    mode: RunMode
    scope: str
    said: str
    client: KISClient[Any]
    account: SecretStr
    time: VenueTime
    simulator: RunningSimulator | None = None
    speed: float = 1.0

    @property
    def embedded(self) -> bool:
        """Whether the venue ends with this process."""
        return self.simulator is not None


def wants_keys(settings: Settings, folder: Path | None, environ: Mapping[str, str]) -> bool:
    """Whether there is a key file, or keys in the environment, to read at all."""
    if any(environ.get(_ENV_PREFIX + name) for name in ("PAPER_APP", "PAPER_SEC")):
        return True
    return (key_folder(settings, folder, environ) / FILE).is_file()


def key_folder(settings: Settings, folder: Path | None, environ: Mapping[str, str]) -> Path:
    """The folder of ``kis_devlp.yaml``: as given, as configured, or KIS's own."""
    chosen = folder or settings.kis.config or environ.get("KIS_CONFIG_DIR") or DEFAULT_FOLDER
    return Path(chosen).expanduser()


@contextmanager
def open_venue(
    wanted: Wanted,
    settings: Settings,
    *,
    shown: Callable[[], tuple[Dataset, date]],
    cash: int,
    speed: float = LOCKSTEP,
    seed: int = 0,
    folder: Path | None = None,
    environ: Mapping[str, str],
    confirm: Callable[[str], str],
    universe: tuple[str, ...] = (),
) -> Iterator[Venue]:
    """Reach the venue that was asked for.

    Args:
        wanted: See ``Wanted``.
        settings: Keys, limits and locks.
        shown: What the embedded simulator replays and from which day; called only for it.
        cash: Won in the embedded simulator's account.
        speed: Of the embedded simulator.
        seed: Of the embedded simulator.
        folder: Folder of ``kis_devlp.yaml`` instead of the configured one.
        environ: The environment's variables.
        confirm: Asks a person for a line.
        universe: Tickers that stand in for the market where paper has no ranking.

    Raises:
        ConfigError: keys that cannot be right, or real money without all its locks open.
    """
    with ExitStack() as stack:
        if wanted == "real":
            yield _real(settings, stack, folder, environ, confirm, universe)
            return
        why = "--sim"
        if wanted == "auto":
            config = _paper_keys(settings, folder, environ)
            if isinstance(config, KISConfig):
                yield _paper(config, settings, stack, universe)
                return
            why = config
        yield _embedded(why, settings, stack, *shown(), cash, speed, seed)


def _paper_keys(
    settings: Settings, folder: Path | None, environ: Mapping[str, str]
) -> KISConfig | str:
    """The configuration if it holds paper keys, else why the simulator stands in."""
    where = key_folder(settings, folder, environ)
    if not wants_keys(settings, folder, environ):
        if folder is not None:
            raise ConfigError(f"{where / FILE} does not exist", hint="check --config-dir")
        return "모의투자 키가 없어"
    config = load_config(where, environ)
    if config.has_keys(Paper()):
        return config
    return "설정에 모의투자 키(paper_app, paper_sec)가 없어"


def _paper(
    config: KISConfig, settings: Settings, stack: ExitStack, universe: tuple[str, ...]
) -> Venue:
    clock = VenueTime()
    client = KISClient.connect(config, Paper(), settings.kis, universe=universe, now=clock)
    stack.callback(client.close)
    access = client.session.access
    mode: RunMode = "sim" if is_loopback(access.rest_url) else "paper"
    where = f"시뮬레이터 {access.rest_url}" if mode == "sim" else "한국투자증권 모의투자"
    return Venue(
        mode,
        scope_of(mode, _account(access)),
        f"{where}, 계좌 {_masked(access)}",
        client,
        SecretStr(_account(access)),
        clock,
    )


def _real(
    settings: Settings,
    stack: ExitStack,
    folder: Path | None,
    environ: Mapping[str, str],
    confirm: Callable[[str], str],
    universe: tuple[str, ...],
) -> Venue:
    """Real money: a flag (``--real``), a switch in the settings, and the account's last digits."""
    if not settings.live.allow_real:
        raise ConfigError(
            "real money (실전) is locked",
            hint="set allow_real = true under [live] in kisbt.toml, then give --real again",
        )
    config = load_config(key_folder(settings, folder, environ), environ)
    access = config.access(Real())
    if is_loopback(access.rest_url):
        raise ConfigError(
            f"--real, but prod in the configuration points to {access.rest_url}",
            hint="a simulator is traded without --real",
        )
    number = access.account.get_secret_value()
    typed = confirm(
        f"실전 계좌 {_masked(access)}: 실제 돈으로 거래합니다. "
        f"계좌번호 앞 8자리 중 마지막 {DIGITS}자리를 입력하세요: "
    )
    if typed.strip() != number[-DIGITS:]:
        raise ConfigError(
            "the digits typed are not the account's; nothing was started",
            hint=f"type the last {DIGITS} of the account number's first 8 digits",
        )
    clock = VenueTime()
    client = KISClient.connect(
        config, Real(), settings.kis, universe=universe, real_money=True, now=clock
    )
    stack.callback(client.close)
    said = f"실전 (REAL MONEY), 계좌 {_masked(access)}"
    account = _account(access)
    return Venue("real", scope_of("real", account), said, client, SecretStr(account), clock)


def _embedded(
    why: str,
    settings: Settings,
    stack: ExitStack,
    dataset: Dataset,
    first: date,
    cash: int,
    speed: float,
    seed: int,
) -> Venue:
    from tempfile import TemporaryDirectory

    # A paper account that reads quotes at the real server's door, as one with real keys does:
    # thirty names a request.
    flavours = (Flavour.PAPER, Flavour.REAL)
    options = SimOptions(
        flavours=flavours,
        speed=speed,
        cash=cash,
        seed=seed,
        start=datetime.combine(first, time()),
        stamp="venue",
        participation=settings.fills.participation,
        costs=settings.costs,
        per_second=0,
        strict_tokens=False,
    )
    running = stack.enter_context(RunningSimulator(Simulator(dataset, options)))
    scratch = Path(stack.enter_context(TemporaryDirectory(prefix="kisbt-")))
    doors = {
        flavour: (
            running.sim.doors[flavour].credentials[0],
            running.rest_url(flavour),
            running.stream_url(flavour),
        )
        for flavour in flavours
    }
    path = scratch / FILE
    path.touch(mode=0o600)
    path.write_text(devlp_yaml(doors), encoding="utf-8")
    config = load_config(scratch, {})
    # Nobody else's limits or tokens: this venue lives and dies with the process.
    kis = settings.kis.model_copy(
        update={"cache": str(scratch / "cache"), "paper_per_second": 1000.0,
                "real_per_second": 1000.0, "account_per_second": None, "quotes_from_real": True}
    )  # fmt: skip
    clock = VenueTime()
    client = KISClient.connect(
        config, Paper(), kis, universe=tuple(dataset.tickers), shared=False, now=clock
    )
    stack.callback(client.close)
    pace = "한 걸음씩(lock-step)" if speed == LOCKSTEP else f"{speed:g}배속"
    kind = "합성 데이터" if dataset.manifest.synthetic else dataset.manifest.source
    access = client.session.access
    return Venue(
        "sim",
        scope_of("sim", f"{_account(access)}:embedded"),  # never taken up by a later process
        f"{why} 내장 시뮬레이터에서 거래: {dataset.name} ({kind}), {pace}",
        client,
        SecretStr(_account(access)),
        clock,
        running,
        speed,
    )


def is_loopback(url: str) -> bool:
    """Whether the address is on this machine: a simulator's."""
    return urlsplit(url).hostname in LOOPBACK


def _account(access: Access[Any]) -> str:
    return access.account.get_secret_value() + access.product


def _masked(access: Access[Any]) -> str:
    number = access.account.get_secret_value()
    return f"{number[:2]}{'*' * (len(number) - 2)}-{access.product}"
