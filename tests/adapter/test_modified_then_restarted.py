"""An order that somebody modifies at KIS's terminal (HTS), twice, around deaths of our process."""

from kisbt.domain.trading import Side
from tests.adapter.test_kis_broker_states import LiveAccount


def test_order_modified_at_the_terminal_is_followed_over_restarts() -> None:
    """Found by hypothesis: a fill of the second modification was taken for one of a lost order.

    The order sent and lost in the last death had been modified, all of it, and its likeness came
    first: the lost order was then known under the modification's number.
    """
    state = LiveAccount()
    try:
        state.open(by_bar=False, costs=False)
        state.desk.restart()
        state.desk.restart()
        state.send(fate="well", side=Side.BUY, size=10, step=0, ticker="005930")
        state.somebody_changes_it_at_the_terminal(gone=False, pick=22, size=1, up=False)
        state.the_newest_notices_come(last=1)
        state.somebody_changes_it_at_the_terminal(gone=False, pick=13, size=12, up=True)
        state.send(fate="killed before", side=Side.SELL, size=1, step=-2, ticker="005930")
        state.send(fate="unreachable", side=Side.SELL, size=5, step=-2, ticker="000660")
        state.turn(bar=False, reading="well", seconds=90)
        state.cancel(fate="lost after", pick=1)
        state.the_newest_notices_come(last=3)
        state.notices_come_as_they_like(picks=[23, 37])
        state.turn(bar=False, reading="well", seconds=1)
        state.desk.restart()
        state.notices_come_as_they_like(picks=[54, 42, 32, 31, 37])
        state.the_newest_notices_come(last=3)
        state.the_newest_notices_come(last=3)
        state.send(fate="killed before", side=Side.SELL, size=2, step=-1, ticker="005930")
        state.fill(pick=26, size=6, worse=500)
        state.desk.restart()
        state.notices_come_as_they_like(picks=[22, 27, 34, 24, 8])
        state.send(fate="killed after", side=Side.BUY, size=12, step=-2, ticker="005930")
        state.turn(bar=True, reading="fails", seconds=1)
        state.notices_come_as_they_like(picks=[51, 22, 15, 12, 36, 7])
        state.cancel(fate="lost after", pick=8)
        state.cancel(fate="fills at once", pick=3)
        state.somebody_changes_it_at_the_terminal(gone=False, pick=23, size=12, up=True)
        state.send(fate="fills at once", side=Side.SELL, size=3, step=-2, ticker="005930")
        state.fill(pick=15, size=10, worse=500)
        state.notices_come_as_they_like(picks=[57])
        state.fill(pick=19, size=1, worse=500)
        state.desk.restart()
        state.cancel(fate="fills at once", pick=30)
        state.fill(pick=4, size=11, worse=500)
        state.desk.restart()
        state.the_newest_notices_come(last=2)
        state.fill(pick=20, size=8, worse=500)
        state.notices_come_as_they_like(picks=[6, 19, 24, 53, 60, 48])
        state.turn(bar=False, reading="well", seconds=31)
    finally:
        state.teardown()
