"""kis-trader 0.12.2, unmodified, on the current layouts: 47 and 63 fields, notices of 26."""

import pytest

from kisbt.sim.flavour import Flavour

pytestmark = pytest.mark.contract


@pytest.fixture
def seen(drive, current_venue):
    return drive("drive_kis_trader", current_venue, "kis-trader", "tzdata")


def test_kis_trader_trades_on_the_simulator(seen, current_venue, books):
    assert len(seen["bars"]) > 150
    assert seen["bars"] == sorted(set(seen["bars"]))
    assert seen["book"][0] > seen["book"][1]
    assert "deposit=Decimal('100000000')" in seen["balance"]
    assert "cash_buyable_quantity=Decimal('1868')" in seen["buyable"]
    assert "호가단위" in seen["refused"]
    assert seen["cancelled"] == "pending_cancel"
    paper = books(current_venue, Flavour.PAPER)
    assert paper["positions"] == {"005930": 4}
    assert len(seen["history"]) == len(paper["orders"])
    for number in seen["orders"]:
        assert any(f"order_id='{number}'" in row for row in seen["history"])
    assert any("005930" in tick for tick in seen["ticks"])
    assert len(seen["fills"]) >= 4
    assert "quantity=Decimal('4')" in seen["held"][0]
    assert any(seen["rest"] in row for row in seen["open"])
