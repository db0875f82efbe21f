"""Where a session trades: paper with keys, the simulator without, real money behind three locks."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from kisbt.config import LiveSettings, Settings
from kisbt.data.dataset import Dataset
from kisbt.data.store import load_dataset
from kisbt.errors import ConfigError, KISAPIError, TradingSystemError
from kisbt.run.live_command import trade
from kisbt.run.live_order import LiveOrder
from kisbt.run.live_venue import Venue, Wanted, open_venue
from kisbt.sim.credentials import devlp_yaml
from kisbt.sim.flavour import Flavour
from kisbt.sim.options import SimOptions
from kisbt.sim.runner import RunningSimulator
from kisbt.sim.simulator import Simulator
from tests.run.conftest import CHECKOUT

KEYS = {
    "my_app": "PSrealkeyrealkeyrealkeyrealkeyrealkey",
    "my_sec": "s" * 180,
    "my_acct_stock": "71234567",
    "paper_app": "PSpaperkeypaperkeypaperkeypaperkeypa",
    "paper_sec": "t" * 180,
    "my_paper_stock": "51234567",
    "my_htsid": "someone",
}


def no_dataset() -> tuple[Dataset, date]:
    raise AssertionError("the simulator was wanted")


def nobody(_question: str) -> str:
    raise AssertionError("a person was asked")


@contextmanager
def venue(wanted: Wanted, root: Path, live: LiveSettings | None = None, **more) -> Iterator[Venue]:
    settings = Settings(root=root, live=live or LiveSettings())
    given = {"shown": no_dataset, "cash": 1_000, "environ": {}, "confirm": nobody, **more}
    with open_venue(wanted, settings, folder=root, **given) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, KEYS)
    return tmp_path


def write(folder: Path, keys: dict[str, str]) -> None:
    text = "".join(f'{name}: "{value}"\n' for name, value in keys.items())
    (folder / "kis_devlp.yaml").write_text(text, encoding="utf-8")


def test_paper_keys_mean_paper(folder: Path) -> None:
    with venue("auto", folder) as opened:
        assert opened.mode == "paper"
        assert opened.said == "한국투자증권 모의투자, 계좌 51******-01"
        assert not opened.embedded
        assert "51234567" not in opened.scope


def test_only_real_keys_start_the_simulator_and_say_why(tmp_path: Path) -> None:
    write(tmp_path, {k: v for k, v in KEYS.items() if not k.startswith("paper")})
    sample = load_dataset("sample", CHECKOUT / "datasets")
    with venue("auto", tmp_path, shown=lambda: (sample, date(2024, 11, 11))) as opened:
        assert opened.mode == "sim"
        assert "paper_app, paper_sec" in opened.said
        assert opened.embedded


def test_a_broken_key_file_is_an_error_and_no_simulator(tmp_path: Path) -> None:
    (tmp_path / "kis_devlp.yaml").write_text("paper_app: [", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid YAML"), venue("auto", tmp_path):
        raise AssertionError


def test_the_same_key_for_both_environments_is_refused(folder: Path) -> None:
    write(folder, KEYS | {"paper_app": KEYS["my_app"]})
    with pytest.raises(ConfigError, match="the same key"), venue("auto", folder):
        raise AssertionError


def test_paper_never_goes_to_the_real_host(folder: Path) -> None:
    write(folder, KEYS | {"vps": "https://openapi.koreainvestment.com:9443"})
    with pytest.raises(ConfigError, match="other environment's host"), venue("auto", folder):
        raise AssertionError


def test_real_money_is_locked_by_default(folder: Path) -> None:
    with pytest.raises(ConfigError, match="real money") as met, venue("real", folder):
        raise AssertionError
    assert "allow_real = true" in str(met.value)


@pytest.mark.parametrize("typed", ["", "1234", "71234567", "4567 8"])
def test_real_money_needs_the_accounts_last_digits(folder: Path, typed: str) -> None:
    allowed = LiveSettings(allow_real=True)
    with (
        pytest.raises(ConfigError, match="nothing was started"),
        venue("real", folder, allowed, confirm=lambda _q: typed),
    ):
        raise AssertionError


def test_real_money_with_all_locks_open(folder: Path) -> None:
    asked: list[str] = []

    def person(question: str) -> str:
        asked.append(question)
        return "4567\n"

    with venue("real", folder, LiveSettings(allow_real=True), confirm=person) as opened:
        assert opened.mode == "real"
        assert "REAL MONEY" in opened.said
    assert "71******-01" in asked[0]
    assert "71234567" not in asked[0]


@pytest.fixture
def elsewhere(project: Path) -> Iterator[dict[str, str]]:
    """A simulator in lock-step that somebody else runs, and its keys."""
    sample = load_dataset("sample", CHECKOUT / "datasets").only(("990010", "990080"))
    sim = Simulator(sample, SimOptions(speed=0.0, stamp="venue", per_second=0, strict_tokens=False))
    with RunningSimulator(sim) as running:
        pair = sim.doors[Flavour.PAPER].credentials[0]
        text = devlp_yaml({Flavour.PAPER: (pair, running.rest_url(), running.stream_url())})
        keys = dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith("#"))
        yield {name: value.strip('"') for name, value in keys.items()}


def start(project: Path, keys: dict[str, str]) -> None:
    write(project, keys)
    settings = Settings.model_validate(
        {"kis": {"cache": str(project / "cache"), "paper_per_second": 1000}, "root": project}
    )
    trade(LiveOrder(days=1, config_dir=project), settings, confirm=nobody, quiet=True, environ={})


def test_a_simulator_that_stands_still_is_refused(project: Path, elsewhere) -> None:
    with pytest.raises(ConfigError, match="stands still"):
        start(project, elsewhere)


def test_a_simulator_that_is_gone_is_one_clear_line(project: Path, elsewhere) -> None:
    with pytest.raises(ConfigError, match="does not tell the time"):
        start(project, elsewhere | {"vps": "http://127.0.0.1:9"})


@pytest.fixture
def paced(project: Path) -> Iterator[dict[str, str]]:
    """The same at sixty times real speed."""
    sample = load_dataset("sample", CHECKOUT / "datasets").only(("990010", "990080"))
    sim = Simulator(sample, SimOptions(speed=60.0, stamp="venue", per_second=0))
    with RunningSimulator(sim) as running:
        pair = sim.doors[Flavour.PAPER].credentials[0]
        text = devlp_yaml({Flavour.PAPER: (pair, running.rest_url(), running.stream_url())})
        keys = dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith("#"))
        yield {name: value.strip('"') for name, value in keys.items()}


def test_a_wrong_account_is_kis_own_words(project: Path, paced) -> None:
    with pytest.raises(KISAPIError, match="계좌번호를 확인"):
        start(project, paced | {"my_paper_stock": "51111111"})


def test_a_wrong_key_is_kis_own_words(project: Path, paced) -> None:
    with pytest.raises(TradingSystemError, match="AppKey"):
        start(project, paced | {"paper_app": "PSnobodysnobodysnobodysnobodysnobody"})
