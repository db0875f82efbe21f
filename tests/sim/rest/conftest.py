import pytest

from kisbt.sim.flavour import Flavour
from tests.sim.rest.caller import Caller
from tests.sim.venue import daily_dataset, simulator

DATA = daily_dataset()


@pytest.fixture
def sim():
    made = simulator(DATA, flavours=(Flavour.PAPER, Flavour.REAL))
    made.advance_to(made.target("open"))
    made.advance_to(made.now.replace(hour=10, minute=5))
    return made


@pytest.fixture
def paper(sim):
    return Caller(sim)


@pytest.fixture
def real(sim):
    return Caller(sim, Flavour.REAL)
