"""``kisbt sim`` as a user types it."""

import json
import signal
import socket
import subprocess
import sys

import pytest
import requests
import yaml

from kisbt.cli import main
from kisbt.data.store import save_dataset
from tests.sim.rest.conftest import DATA


@pytest.fixture(autouse=True)
def signals():
    """The command takes over two signals: give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def project(tmp_path):
    """A project folder with one dataset."""
    (tmp_path / "prompts").mkdir()
    save_dataset(DATA, tmp_path / "datasets")
    return tmp_path


def start(project, *arguments):
    command = [sys.executable, "-m", "kisbt", "sim", "--data", "small", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=project, text=True, **pipes)


def test_it_serves_writes_its_config_and_saves_its_state(project):
    config, state = project / "KIS", project / "state.json"
    free = ["--port", "0", "--ws-port", "0", "--speed", "lockstep", "--rate", "0"]
    files = ["--write-config", str(config), "--state", str(state)]
    started = start(project, *free, *files, "--json", "--account", "12345678-01")
    told = json.loads(started.stdout.readline())
    written = yaml.safe_load((config / "kis_devlp.yaml").read_text(encoding="utf-8"))
    assert written["vps"] == told["doors"]["paper"]["rest"]
    assert written["my_paper_stock"] == "12345678"
    pair = {"appkey": written["paper_app"], "appsecret": written["paper_sec"]}
    body = {"grant_type": "client_credentials", **pair}
    answer = requests.post(f"{written['vps']}/oauth2/tokenP", json=body, timeout=60)
    assert answer.status_code == 200
    requests.post(f"{written['vps']}/control/advance", json={"to": "close"}, timeout=60)
    started.send_signal(signal.SIGTERM)
    _, err = started.communicate(timeout=120)
    assert started.returncode == 0, err
    saved = json.loads(state.read_text(encoding="utf-8"))
    again = start(project, *free, "--state", str(state), "--json", "--account", "12345678")
    told = json.loads(again.stdout.readline())
    assert told["now"] == saved["now"]
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=120)
    assert again.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--data", "nothing"], "nothing"),
        (["--faults", "missing.yaml"], "missing.yaml"),
        (["--speed", "warp"], "--speed warp"),
        (["--layout", "old"], "--layout old"),
        (["--account", "12"], "--account 12"),
        (["--start", "2001-01-01"], "no session on that day"),
        (["--notice-fields", "24"], "--notice-fields 24"),
    ],
)
def test_a_mistake_is_one_clear_line(project, arguments, word, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["kisbt", "sim", "--data", "small", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert ended.value.code not in (0, 1)
    assert word in told.err
    assert len(told.err.strip().splitlines()) == 1
    assert told.out == ""


def test_a_taken_port_is_one_clear_line(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = ["kisbt", "sim", "--data", "small", "--port", port, "--ws-port", "0"]
        monkeypatch.setattr(sys, "argv", line)
        with pytest.raises(SystemExit) as ended:
            main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"port {port} is taken" in told
    assert len(told.strip().splitlines()) == 1


def test_asking_for_help_loads_no_server():
    script = "import sys, kisbt.cli.app; print(sorted({'aiohttp', 'numpy'} & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"
