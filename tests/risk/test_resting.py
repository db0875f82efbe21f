from kisbt.domain.trading import Side
from kisbt.risk.resting import by_name, replaced_by, sells_at_least_as_urgently
from tests.risk.world import HYNIX, SAMSUNG, resting

BUY, SELL = Side.BUY, Side.SELL
AT_MARKET = resting(SAMSUNG, SELL, 5, None, "market")
LOW = resting(SAMSUNG, SELL, 5, 69_000, "low")
HIGH = resting(SAMSUNG, SELL, 5, 75_000, "high")
BID = resting(SAMSUNG, BUY, 5, 65_000, "bid")


def test_orders_are_grouped_by_name_oldest_first():
    other = resting(HYNIX, BUY, 1)
    assert by_name([LOW, other, BID]) == {SAMSUNG: [LOW, BID], HYNIX: [other]}


def test_a_market_sale_is_the_most_urgent_and_a_lower_limit_beats_a_higher():
    assert sells_at_least_as_urgently(AT_MARKET, None)
    assert sells_at_least_as_urgently(AT_MARKET, 70_000)
    assert not sells_at_least_as_urgently(LOW, None)
    assert sells_at_least_as_urgently(LOW, 69_000)
    assert not sells_at_least_as_urgently(LOW, 68_900)
    assert not sells_at_least_as_urgently(BID, 70_000)
    assert not sells_at_least_as_urgently(resting(SAMSUNG, BUY, 5, None), 70_000)


def test_a_buy_replaces_every_resting_sale_and_no_buy():
    assert replaced_by(BUY, 1, None, 0, [AT_MARKET, BID, HIGH]) == [AT_MARKET, HIGH]


def test_a_sale_replaces_every_resting_buy():
    assert replaced_by(SELL, 1, None, 10, [HIGH, BID]) == [BID]


def test_a_sale_of_free_shares_leaves_other_sales_alone():
    assert replaced_by(SELL, 10, None, 10, [LOW, HIGH]) == []


def test_a_sale_of_promised_shares_replaces_less_urgent_sales():
    assert replaced_by(SELL, 11, 70_000, 10, [AT_MARKET, LOW, HIGH]) == [HIGH]
