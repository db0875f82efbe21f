"""Values that market rules are tried on: prices and days crowd around the edges."""

from datetime import date, timedelta

from hypothesis import strategies as st

from kisbt.domain.market import Market, Product

EDGES = [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000]
CHANGES = [
    date(2015, 6, 15),
    date(2023, 1, 25),
    date(2023, 6, 26),
    date(2023, 12, 11),
]

prices = st.one_of(
    st.integers(1, 3_000_000),
    st.integers(1, 50),
    st.builds(lambda edge, off: edge + off, st.sampled_from(EDGES), st.integers(-2, 2)),
)
days = st.one_of(
    st.dates(date(2010, 10, 4), date(2030, 12, 31)),
    st.builds(
        lambda day, off: day + timedelta(days=off), st.sampled_from(CHANGES), st.integers(-1, 1)
    ),
)
markets = st.sampled_from(list(Market))
products = st.sampled_from(list(Product))
multiples = st.sampled_from([1.0, 2.0, -1.0, -2.0, 0.5, 1.5, -3.0])
