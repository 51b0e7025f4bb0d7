import pytest

from tests.units import laws


@pytest.fixture(params=laws.CASES, ids=str)
def case(request):
    return request.param


@pytest.fixture(params=laws.DISCRETE, ids=str)
def discrete(request):
    return request.param


@pytest.fixture
def unit(case):
    return case.unit
