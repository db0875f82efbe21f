"""kis-wrapper 0.3.0, unmodified: httpx, old TR ids, blank order branch."""

import pytest

from kisbt.sim.flavour import Flavour

pytestmark = pytest.mark.contract


@pytest.fixture
def seen(drive, current_venue):
    return drive("drive_kis_wrapper", current_venue, "kis-wrapper")


def test_kis_wrapper_trades_on_the_simulator(seen, current_venue, books):
    assert seen["daily"] == 30
    assert len(seen["bars"]) >= 110
    assert len(set(seen["bars"])) == len(seen["bars"])
    assert seen["book"] >= seen["price"]
    assert seen["balance"]["dnca_tot_amt"] == "100000000"
    assert seen["position"]["qty"] == 8
    paper = books(current_venue, Flavour.PAPER)
    assert [order["odno"] for order in paper["orders"]] == seen["orders"]
    assert paper["positions"] == {"005930": 4}
    resting, modified, cancelled = paper["orders"][2:5]
    assert resting["moved"] == 2
    assert modified["original"] == resting["odno"]
    assert modified["cancelled"] == 2
    assert cancelled["original"] == modified["odno"]
