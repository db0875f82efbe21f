import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from kisbt.cli.app import app
from kisbt.config import KISSettings
from kisbt.errors import ConfigError
from kisbt.kis.checkup import Check, check_up, simulator_config
from tests.kis.conftest import config_for
from tests.kis.loopback import ACCOUNT, APP_KEY, APP_SECRET, HTS_ID, OK, Loopback, Say, gateway
from tests.kis.stream_server import StreamServer
from tests.kis.stream_texts import ack, trade

NAMES = [
    "config",
    "clock",
    "token",
    "quote",
    "balance",
    "order-book",
    "buyable",
    "stream",
    "notices",
]


@pytest.fixture(autouse=True)
def _no_wait_for_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kisbt.kis.checkup.DATA_SECONDS", 0.05)


@pytest.fixture
def healthy(server: Loopback) -> Loopback:
    server.default("inquire-price", {**OK, "output": {"stck_prpr": "70100", "stck_sdpr": "70000"}})
    server.default(
        "inquire-balance", {**OK, "output1": [], "output2": [{"dnca_tot_amt": "1000000"}]}
    )
    book = {"askp1": "70200", "askp_rsqn1": "5", "bidp1": "70100", "bidp_rsqn1": "3"}
    server.default("inquire-asking-price-exp-ccn", {**OK, "output1": book, "output2": {}})
    server.default(
        "inquire-psbl-order",
        {**OK, "output": {"ord_psbl_cash": "1000000", "nrcvb_buy_qty": "14"}},
    )
    return server


def examine(server: Loopback, venue_url: str, settings: KISSettings, **options: Any) -> list[Check]:
    options = {"real": False, "simulated": False, **options}
    return check_up(lambda: config_for(server.url, venue_url), settings=settings, **options)


def test_healthy_server_is_green_in_every_row(
    healthy: Loopback,
    venue: StreamServer,
    settings: KISSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(message: dict[str, Any]) -> list[str]:
        return [*venue.acknowledge(message), trade(1, 100)]

    venue.answer = answer
    monkeypatch.setattr("kisbt.kis.checkup.DATA_SECONDS", 2.0)
    checks = examine(healthy, venue.url, settings)
    assert any("records" in check.detail for check in checks)
    assert [check.name for check in checks] == NAMES
    assert {check.status for check in checks} == {"ok"}
    assert {check.fix for check in checks} == {""}
    shown = str(checks)
    for secret in (APP_KEY, APP_SECRET, ACCOUNT, HTS_ID):
        assert secret not in shown


def test_real_account_is_checked_without_a_single_order(
    healthy: Loopback, venue: StreamServer, settings: KISSettings
) -> None:
    checks = examine(healthy, venue.url, settings, real=True)
    assert {check.status for check in checks} == {"ok"}
    assert {heard.method for heard in healthy.heard if "/uapi/" in heard.path} == {"GET"}


@pytest.mark.parametrize(
    ("path", "answer", "row", "word"),
    [
        ("tokenP", Say({"error_code": "EGW00103", "error_description": "x"}, 403), "token", "key"),
        ("inquire-price", gateway("EGW02007"), "quote", "real key"),
        ("inquire-balance", gateway("IGW00002", status=200), "balance", "account"),
        ("inquire-balance", gateway("APBK1271", status=200), "balance", "my_prod"),
        ("inquire-asking-price-exp-ccn", gateway("APBK0656", status=200), "order-book", "ticker"),
    ],
)
def test_what_fails_says_what_to_fix_in_one_line(
    path: str,
    answer: Say,
    row: str,
    word: str,
    healthy: Loopback,
    venue: StreamServer,
    settings: KISSettings,
) -> None:
    healthy.say(path, answer)
    checks = {check.name: check for check in examine(healthy, venue.url, settings)}
    assert list(checks) == NAMES
    assert checks[row].status == "failed"
    assert word in checks[row].fix
    assert "\n" not in checks[row].fix + checks[row].detail
    if row == "token":
        assert checks["balance"].status == "skipped"


def test_wrong_clock_is_found(
    healthy: Loopback, venue: StreamServer, settings: KISSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kisbt.kis.wire.Answer.server_epoch", lambda _: 1_000_000.0, raising=True)
    checks = {check.name: check for check in examine(healthy, venue.url, settings)}
    assert checks["clock"].status == "failed"
    assert "NTP" in checks["clock"].fix
    simulated = {
        check.name: check for check in examine(healthy, venue.url, settings, simulated=True)
    }
    assert simulated["clock"].status == "ok"


def test_stream_that_is_away_is_found(
    healthy: Loopback, settings: KISSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kisbt.kis.checkup.STREAM_SECONDS", 0.3)
    checks = {check.name: check for check in examine(healthy, "ws://127.0.0.1:9", settings)}
    assert checks["stream"].status == checks["notices"].status == "failed"
    assert "ops/vops" in checks["stream"].fix


def test_refused_registrations_are_found(
    healthy: Loopback, venue: StreamServer, settings: KISSettings
) -> None:
    venue.answer = lambda message: [
        ack(
            message["body"]["input"]["tr_id"],
            message["body"]["input"]["tr_key"],
            "OPSP8992",
            "invalid tr_key",
        )
    ]
    checks = {check.name: check for check in examine(healthy, venue.url, settings)}
    assert "invalid tr_key" in checks["stream"].detail
    assert "HTS login id" in checks["notices"].fix


def test_missing_configuration_skips_the_rest(settings: KISSettings, tmp_path: Path) -> None:
    checks = check_up(simulator_config(tmp_path), real=False, simulated=True, settings=settings)
    assert [check.status for check in checks] == ["failed"] + ["skipped"] * 8
    assert "kisbt sim --write-config" in checks[0].fix


def test_simulator_check_never_talks_to_kis(settings: KISSettings) -> None:
    checks = check_up(
        lambda: config_for("https://openapivts.koreainvestment.com:29443"),
        real=False,
        simulated=True,
        settings=settings,
    )
    assert checks[0].status == "failed"
    assert "not to a simulator" in checks[0].detail


@pytest.fixture
def config_dir(
    healthy: Loopback, venue: StreamServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    values = config_for(healthy.url, venue.url)._values
    (folder / "kis_devlp.yaml").write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
    (folder / "kis_devlp.yaml").chmod(0o644)
    settings = tmp_path / "kisbt.toml"
    settings.write_text(
        f'[kis]\ncache = "{(tmp_path / "cache").as_posix()}"\npaper_per_second = 1000\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("COLUMNS", "200")
    return folder


def run(folder: Path, *options: str) -> Any:
    toml = str(folder.parent / "kisbt.toml")
    return CliRunner().invoke(
        app, ["doctor", "--config-dir", str(folder), "--config", toml, *options]
    )


def test_command_prints_a_table_and_exits_zero(config_dir: Path) -> None:
    result = run(config_dir, "--sim")
    assert result.exit_code == 0, result.output
    for name in NAMES:
        assert name in result.output
    assert "chmod 600" in result.output  # others can read the keys
    assert ACCOUNT not in result.output


def test_command_prints_one_json_object(config_dir: Path, healthy: Loopback) -> None:
    healthy.default("inquire-balance", lambda _: gateway("IGW00002", status=200))
    result = run(config_dir, "--mock", "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    assert [row["name"] for row in answer["checks"]] == NAMES


def test_malformed_file_is_one_line(config_dir: Path) -> None:
    (config_dir / "kis_devlp.yaml").write_text("my_app: [x\nsecret", encoding="utf-8")
    result = run(config_dir, "--json")
    first = json.loads(result.stdout)["checks"][0]
    assert (first["status"], "line" in first["detail"]) == ("failed", True)


def test_two_accounts_at_once_are_refused(config_dir: Path) -> None:
    result = run(config_dir, "--mock", "--real")
    assert isinstance(result.exception, ConfigError)


def test_name_without_a_price_is_not_green(
    healthy: Loopback, venue: StreamServer, settings: KISSettings
) -> None:
    healthy.default("inquire-price", {**OK, "output": {"stck_prpr": "0"}})
    checks = {check.name: check for check in examine(healthy, venue.url, settings)}
    assert checks["quote"].status == "failed"
    assert "--ticker" in checks["quote"].fix
