"""python-kis 2.1.6, unmodified: orders on paper, quotes and prices from the real side."""

import pytest

from kisbt.sim.flavour import Flavour

pytestmark = pytest.mark.contract


@pytest.fixture
def seen(drive, legacy_venue):
    return drive("drive_pykis", legacy_venue, "python-kis", "typing-extensions", "tzdata")


def test_python_kis_trades_on_the_simulator(seen, legacy_venue, books):
    assert seen["name"] == "삼성전자"
    assert len(seen["bars"]) == 150
    assert seen["bars"] == sorted(set(seen["bars"]))
    ask, bid, levels = seen["book"]
    assert ask > bid
    assert levels == 10
    assert seen["cash"] == 100_000_000
    assert seen["buyable"] == pytest.approx(100_000_000 // seen["price"], abs=1)
    assert len(set(seen["orders"])) == 3
    assert seen["price_seen"]
    assert seen["fill_seen"]
    paper = books(legacy_venue, Flavour.PAPER)
    assert paper["positions"] == seen["held"] == {"005930": 6}
    daily = {number: (filled, quantity) for number, filled, quantity in seen["daily"]}
    assert daily[seen["orders"][0]] == (7, 7)
    assert daily[seen["orders"][1]] == (3, 3)
    assert daily[seen["orders"][2]] == (0, 2)
    assert daily[seen["sell"]] == (4, 4)
    told: dict[str, int] = {}
    for number, quantity in seen["fills"]:
        told[number] = max(told.get(number, 0), quantity)
    assert told[seen["orders"][0]] == 7
    assert told[seen["orders"][1]] == 3
