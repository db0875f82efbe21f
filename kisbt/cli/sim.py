"""``kisbt sim``: KIS's servers on loopback, over any dataset."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kisbt.cli.output import ConfigOption, JsonFlag, note, settings
from kisbt.errors import ConfigError

if TYPE_CHECKING:
    import threading

    from kisbt.sim.credentials import Credentials
    from kisbt.sim.flavour import Flavour
    from kisbt.sim.runner import RunningSimulator


def sim(
    data: Annotated[str | None, typer.Option("--data", help="Dataset to replay.")] = None,
    speed: Annotated[
        str, typer.Option("--speed", help="real, lockstep, or N times real time.")
    ] = "real",
    paper: Annotated[bool, typer.Option("--paper", help="Serve the paper side (모의).")] = False,
    real: Annotated[
        bool, typer.Option("--real-flavour", help="Serve the real side (실전); both with --paper.")
    ] = False,
    port: Annotated[int | None, typer.Option("--port", help="REST port; 0 = any free.")] = None,
    ws_port: Annotated[
        int | None, typer.Option("--ws-port", help="WebSocket port; 0 = any free.")
    ] = None,
    appkey: Annotated[str | None, typer.Option("--appkey", help="Made up when absent.")] = None,
    appsecret: Annotated[
        str | None, typer.Option("--appsecret", help="Made up when absent.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="8 or 8-2 digits; made up when absent.")
    ] = None,
    hts_id: Annotated[
        str | None, typer.Option("--hts-id", help="For order notices; made up when absent.")
    ] = None,
    accounts: Annotated[
        int, typer.Option("--accounts", min=1, max=50, help="Key pairs and accounts a side.")
    ] = 1,
    cash: Annotated[int, typer.Option("--cash", min=0, help="Won in every account.")] = 100_000_000,
    faults: Annotated[Path | None, typer.Option("--faults", help="Fault profile, YAML.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of paths, keys and faults.")] = 0,
    layout: Annotated[
        str, typer.Option("--layout", help="Stream frames: legacy (46/59) or current (47/63).")
    ] = "current",
    notice_fields: Annotated[
        int, typer.Option("--notice-fields", help="Order notices of 26 or 23 fields.")
    ] = 26,
    start: Annotated[
        str | None, typer.Option("--start", help="Venue day or time to begin at.")
    ] = None,
    stamp: Annotated[
        str | None, typer.Option("--stamp", help="Date of orders: wall (today) or venue.")
    ] = None,
    rate: Annotated[
        int | None, typer.Option("--rate", min=0, help="Requests a second; 0 = no limit.")
    ] = None,
    grid: Annotated[
        int | None, typer.Option("--grid", min=1, help="Seconds between prints of a daily bar.")
    ] = None,
    many_streams: Annotated[
        bool, typer.Option("--many-streams", help="Allow several sockets a key.")
    ] = False,
    state: Annotated[
        Path | None, typer.Option("--state", help="Go on from this file, and save to it.")
    ] = None,
    write_config: Annotated[
        Path | None,
        typer.Option(
            "--write-config",
            help="Folder for a ready kis_devlp.yaml; results/sim by default, where "
            "`kisbt doctor --sim` looks.",
        ),
    ] = None,
    as_json: JsonFlag = False,
    config: ConfigOption = None,
) -> None:
    """Serve KIS's protocol on loopback (모의 서버): no key, no account, no market hours."""
    from kisbt.data.store import load_market
    from kisbt.sim.credentials import devlp_yaml
    from kisbt.sim.faults.profile import FaultProfile, load_profile
    from kisbt.sim.flavour import FACTS, Flavour
    from kisbt.sim.options import SimOptions, parse_speed, parse_start
    from kisbt.sim.runner import RunningSimulator
    from kisbt.sim.simulator import Simulator

    flavours = _flavours(paper, real)
    loaded = settings(config)
    options = SimOptions(
        flavours=flavours,
        speed=parse_speed(speed),
        credentials=_given(flavours, seed, appkey, appsecret, account, hts_id),
        accounts=accounts,
        cash=cash,
        seed=seed,
        faults=load_profile(faults) if faults else FaultProfile(),
        layout=_layout(layout),
        notice_fields=_one_of("--notice-fields", notice_fields, (26, 23)),
        one_stream=not many_streams,
        per_second=rate,
        start=parse_start(start),
        stamp=_one_of("--stamp", stamp, (None, "wall", "venue")),
        grid=grid,
        participation=loaded.fills.participation,
        costs=loaded.costs,
    )
    dataset = load_market(data or loaded.backtest.data, loaded.folder("datasets"))
    simulator = Simulator(dataset, options)
    if state is not None and state.is_file():
        simulator.restore(_read_state(state))
    ports = {f: (FACTS[f].rest_port, FACTS[f].stream_port) for f in Flavour}
    first = flavours[0]
    ports[first] = (
        ports[first][0] if port is None else port,
        ports[first][1] if ws_port is None else ws_port,
    )
    ended = _on_signal()
    with RunningSimulator(simulator, {f: ports[f] for f in flavours}) as running:
        doors = {
            f: (simulator.doors[f].credentials[0], running.rest_url(f), running.stream_url(f))
            for f in flavours
        }
        text = devlp_yaml(doors)
        written = _write_config(write_config or loaded.folder("simulator"), text)
        _announce(running, text, written, as_json=as_json)
        ended.wait()
        if state is not None:
            state.write_text(json.dumps(running.call(Simulator.save)), encoding="utf-8")
            note(f"saved to {state}")


def _flavours(paper: bool, real: bool) -> "tuple[Flavour, ...]":
    from kisbt.sim.flavour import Flavour

    if real:
        return (Flavour.PAPER, Flavour.REAL) if paper else (Flavour.REAL,)
    return (Flavour.PAPER,)


def _given(
    flavours: "tuple[Flavour, ...]",
    seed: int,
    appkey: str | None,
    appsecret: str | None,
    account: str | None,
    hts_id: str | None,
) -> "dict[Flavour, Credentials]":
    """Credentials of the first door, as far as they were given."""
    from kisbt.sim.credentials import Credentials, make_up
    from kisbt.sim.exchange.account import Holder

    made = make_up(seed, flavours[0])
    number, product = made.holder.number, made.holder.product
    if account is not None:
        digits = account.replace("-", "")
        if not digits.isdigit() or len(digits) not in (8, 10):
            raise ConfigError(
                f"--account {account}: not an account number", hint="8 digits, or 8-2"
            )
        number, product = digits[:8], digits[8:] or product
    holder = Holder(number, product, hts_id or made.holder.hts_id, made.holder.name)
    return {flavours[0]: Credentials(appkey or made.appkey, appsecret or made.appsecret, holder)}


def _layout(text: str) -> Any:
    from kisbt.sim.stream.layouts import Layout

    return Layout(_one_of("--layout", text, tuple(each.value for each in Layout)))


def _one_of(option: str, value: Any, known: tuple[Any, ...]) -> Any:
    if value not in known:
        names = ", ".join(str(each) for each in known if each is not None)
        raise ConfigError(f"{option} {value}: not known", hint=f"known: {names}")
    return value


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"saved state {path} cannot be read", hint="remove the file") from error
    if not isinstance(state, dict):
        raise ConfigError(f"saved state {path} is not one of ours", hint="remove the file")
    return state


def _write_config(folder: Path, text: str) -> Path:
    path = folder / "kis_devlp.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _announce(running: "RunningSimulator", text: str, written: Path, *, as_json: bool) -> None:
    """Say where it listens and how to reach it; one JSON object on one line with ``--json``."""
    sim = running.sim
    doors = {
        flavour.value: {
            "rest": running.rest_url(flavour),
            "stream": running.stream_url(flavour),
            "keys": [
                {
                    "appkey": pair.appkey,
                    "appsecret": pair.appsecret,
                    "account": f"{pair.holder.number}-{pair.holder.product}",
                    "hts_id": pair.holder.hts_id,
                }
                for pair in door.credentials
            ],
        }
        for flavour, door in sim.doors.items()
    }
    if as_json:
        answer = {
            "dataset": sim.floor.market.dataset.name,
            "now": sim.now.isoformat(),
            "doors": doors,
            "config": str(written),
        }
        print(json.dumps(answer, ensure_ascii=False), flush=True)
        return
    print(text, flush=True)
    for name, door in doors.items():
        note(f"kisbt sim: {name} REST {door['rest']}  stream {door['stream']}")
    note(f"kisbt sim: config in {written}, where kisbt doctor --sim looks")
    dataset = sim.floor.market.dataset
    note(f"kisbt sim: {dataset.name}, venue time {sim.now:%Y-%m-%d %H:%M:%S}; Ctrl-C ends")


def _on_signal() -> "threading.Event":
    """Set by Ctrl-C or a polite kill, from now on."""
    import signal
    import threading

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return ended
