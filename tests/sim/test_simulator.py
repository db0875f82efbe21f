"""Clock, targets, stamps, saving and going on, and that lock-step repeats itself."""

import json
from datetime import date, datetime, timedelta

import pytest

from kisbt.errors import ConfigError
from kisbt.sim.credentials import devlp_yaml, make_up
from kisbt.sim.faults.profile import parse_profile
from kisbt.sim.flavour import Flavour
from kisbt.sim.options import parse_speed, parse_start
from kisbt.sim.server import skip_closed
from kisbt.sim.simulator import TARGETS
from tests.sim.rest.caller import Caller, band
from tests.sim.rest.conftest import DATA
from tests.sim.stream.listener import Listener
from tests.sim.venue import minute_dataset, simulator


def test_every_target_is_later_than_now_and_in_the_days_order():
    sim = simulator(DATA)
    start = sim.now
    moments = [sim.target(name) for name in TARGETS]
    assert all(moment > start for moment in moments)
    times = sim.floor.times
    assert moments[1:] == [times.open, times.closing, times.close, times.end, times.close]
    assert moments[0] == sim.target("preopen") > times.end


def test_bars_of_minutes_are_walked_one_by_one():
    sim = simulator(minute_dataset())
    sim.advance_to(sim.target("open"))
    stamps = []
    for _ in range(3):
        sim.advance_to(sim.target("bar"))
        stamps.append(f"{sim.now:%H%M}")
    assert stamps == ["0901", "0902", "0903"]


def test_the_night_is_skipped_and_the_end_of_the_data_is_known():
    sim = simulator(DATA)
    late = sim.floor.times.end + timedelta(hours=1)
    assert skip_closed(sim, late) == sim.target("preopen")
    sim.advance_to(datetime(2025, 6, 30, 9))
    assert not sim.ended
    sim.advance_to(datetime(2025, 7, 5))
    assert sim.ended
    assert skip_closed(sim, sim.now) == sim.now


def test_orders_are_stamped_by_the_venue_in_lockstep_and_by_the_wall_at_real_speed():
    assert simulator(DATA).stamp() == simulator(DATA).floor.day
    assert simulator(DATA, speed=1.0).stamp() == simulator(DATA).wall().date()
    assert simulator(DATA, stamp="wall").stamp() == simulator(DATA).wall().date()


@pytest.mark.parametrize("text", ["fast", "0", "-1", "nan", "1e9"])
def test_a_bad_speed_is_refused(text):
    with pytest.raises(ConfigError, match="--speed"):
        parse_speed(text)


def test_a_bad_start_is_refused():
    assert parse_start("2025-03-04") == datetime(2025, 3, 4)
    with pytest.raises(ConfigError, match="not a date"):
        parse_start("tomorrow")
    with pytest.raises(ConfigError, match="no session on that day"):
        simulator(DATA, start=datetime(2025, 3, 1))


def lived(sim, days=4):
    """Some days of trading over REST with the stream open; everything that was seen."""
    caller, listener = Caller(sim), Listener(sim)
    listener.ask("H0STCNT0", "005930")
    listener.ask("H0STASP0", "247540")
    listener.ask("H0STCNI9", listener.key.holder.hts_id)
    seen = []
    for number in range(days):
        sim.advance_to(sim.target("open"))
        sim.advance_to(sim.now + timedelta(minutes=35))
        seen.append(caller.send("VTTC0012U", 5 + number))
        seen.append(caller.send("VTTC0012U", 3, band(sim).lower))
        seen.append(caller.send("VTTC0011U", 2 + number))
        sim.advance_to(sim.target("close"))
        seen.append(caller.executions())
        sim.advance_to(sim.target("preopen"))
    seen.append(listener.frames("H0STCNT0"))
    seen.append(listener.frames("H0STASP0"))
    seen.append(listener.frames("H0STCNI9"))
    return json.dumps(seen, default=str), sim


def test_lockstep_repeats_itself_to_the_byte_and_a_seed_changes_it():
    faults = parse_profile(
        {"faults": [{"kind": "notice_lost", "rate": 0.3}, {"kind": "halt", "rate": 0.2}]}, "t"
    )
    one, first = lived(simulator(DATA, seed=3, faults=faults))
    two, second = lived(simulator(DATA, seed=3, faults=faults))
    assert one == two
    assert first.injector.log == second.injector.log
    assert lived(simulator(DATA, seed=4, faults=faults))[0] != one


def test_a_saved_simulator_goes_on_as_if_it_had_never_stopped():
    _, sim = lived(simulator(DATA))
    state = json.loads(json.dumps(sim.save()))
    again = simulator(DATA)
    again.restore(state)
    assert again.now == sim.now
    for key, account in sim.floor.accounts.items():
        twin = again.floor.accounts[key]
        assert twin.ledger.cash == account.ledger.cash
        assert twin.positions == account.positions
        assert twin.trades == account.trades
    assert again.floor.orders == sim.floor.orders
    token = next(iter(sim.doors[Flavour.PAPER].gateway.tokens))
    assert token in again.doors[Flavour.PAPER].gateway.tokens
    for each in (sim, again):
        each.advance_to(each.target("open"))
        each.exchange.place(_order(each))
        each.advance_to(each.target("close"))
    assert again.floor.orders == sim.floor.orders


def _order(sim):
    from kisbt.domain.trading import Side
    from kisbt.sim.exchange.checks import NewOrder

    key = next(iter(sim.floor.accounts))
    return NewOrder(key, "005930", Side.BUY, "01", 2, 0, sim.floor.day)


def test_a_state_of_other_data_or_seed_is_refused():
    state = simulator(DATA).save()
    with pytest.raises(ConfigError, match="another seed"):
        simulator(DATA, seed=9).restore(state)
    with pytest.raises(ConfigError, match="another dataset"):
        simulator(minute_dataset()).restore(state)


def test_made_up_credentials_have_kis_lengths_and_repeat():
    one = make_up(5, Flavour.PAPER)
    assert (len(one.appkey), len(one.appsecret), len(one.holder.number)) == (36, 180, 8)
    assert one == make_up(5, Flavour.PAPER)
    assert one.appkey != make_up(6, Flavour.PAPER).appkey
    assert one.holder.number != make_up(5, Flavour.PAPER, 1).holder.number


def test_the_yaml_is_what_kis_users_have():
    import yaml

    pair = make_up(1, Flavour.PAPER)
    text = devlp_yaml({Flavour.PAPER: (pair, "http://127.0.0.1:1", "ws://127.0.0.1:2")})
    read = yaml.safe_load(text)
    assert (read["paper_app"], read["paper_sec"]) == (pair.appkey, pair.appsecret)
    assert (read["vps"], read["vops"]) == ("http://127.0.0.1:1", "ws://127.0.0.1:2")
    assert (read["my_paper_stock"], read["my_prod"]) == (pair.holder.number, "01")
    assert read["my_htsid"] == pair.holder.hts_id
    assert read["my_app"] == ""
    known = {
        "my_app", "my_sec", "paper_app", "paper_sec", "my_htsid", "my_acct_stock", "my_acct_future",
        "my_paper_stock", "my_paper_future", "my_prod", "prod", "ops", "vps", "vops", "my_token",
        "my_agent",
    }  # fmt: skip
    assert set(read) == known


def test_a_year_of_many_names_in_lockstep_is_quick_and_steady():
    sim = simulator(DATA)
    caller = Caller(sim)
    while sim.now.date() < date(2025, 6, 25):
        sim.advance_to(sim.target("preopen"))
        caller.send("VTTC0012U", 1)
    assert sim.floor.accounts[caller.key.holder.number + "01"].quantity("005930") > 50


def test_numbers_run_on_over_days_that_share_one_wall_date():
    for stamp, expected in (("venue", "0000000001"), ("wall", "0000000002")):
        sim = simulator(DATA, stamp=stamp)
        caller = Caller(sim)
        caller.send("VTTC0012U", 1)
        sim.advance_to(sim.target("preopen"))
        assert caller.send("VTTC0012U", 1)["output"]["ODNO"] == expected
