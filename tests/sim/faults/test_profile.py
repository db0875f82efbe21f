import pytest

from kisbt.errors import ConfigError
from kisbt.sim.faults.injector import Injector
from kisbt.sim.faults.profile import Fault, FaultKind, FaultProfile, load_profile, parse_profile
from tests.sim.rest.conftest import DATA

NOW = DATA.timeline[0].item()


def write(tmp_path, text):
    path = tmp_path / "faults.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_profile_is_read_with_its_defaults(tmp_path):
    text = "seed: 3\nfaults:\n- {kind: slow, rate: 0.5, seconds: 2, where: orders}\n"
    profile = load_profile(write(tmp_path, text))
    assert profile.seed == 3
    fault = profile.faults[0]
    assert (fault.kind, fault.rate, fault.seconds, fault.where) == (
        FaultKind.SLOW,
        0.5,
        2,
        "orders",
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("faults: [", "not YAML"),
        ("faults:\n- {kind: slwo}", "did you mean 'slow'"),
        ("faults:\n- {kind: slow, rate: 2}", "faults.0.rate"),
        ("fautls: []", "fautls"),
        ("- 1", "fault profile"),
        ("faults:\n- {kind: slow, rate: .nan}", "faults.0.rate"),
    ],
)
def test_a_bad_profile_is_one_clear_line(tmp_path, text, word):
    with pytest.raises(ConfigError) as caught:
        load_profile(write(tmp_path, text))
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_profile_says_so(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_profile(tmp_path / "none.yaml")


def strikes(profile, kind, count=400, seed=1):
    injector = Injector(profile, seed)
    return [injector.strike(kind, NOW, "x") is not None for _ in range(count)]


def test_draws_repeat_for_a_seed_and_keep_their_rate():
    profile = parse_profile({"faults": [{"kind": "slow", "rate": 0.25}]}, "t")
    first = strikes(profile, FaultKind.SLOW)
    assert first == strikes(profile, FaultKind.SLOW)
    assert first != strikes(profile, FaultKind.SLOW, seed=2)
    assert 60 < sum(first) < 140


def test_adding_a_fault_does_not_move_the_others():
    one = FaultProfile(faults=(Fault(kind=FaultKind.SLOW, rate=0.3),))
    two = FaultProfile(faults=(*one.faults, Fault(kind=FaultKind.VI, rate=0.5)))
    assert strikes(one, FaultKind.SLOW) == strikes(two, FaultKind.SLOW)


def test_most_bounds_how_often_a_fault_strikes():
    profile = FaultProfile(faults=(Fault(kind=FaultKind.SLOW, most=3),))
    assert sum(strikes(profile, FaultKind.SLOW)) == 3


def test_a_burst_of_throttling_lasts_its_count():
    injector = Injector(FaultProfile(faults=(Fault(kind=FaultKind.THROTTLED, count=4, most=1),)), 1)
    hit = [injector.throttled(NOW, "x", "quotes") for _ in range(8)]
    assert hit == [True] * 4 + [False] * 4
    assert len(injector.log) == 4
