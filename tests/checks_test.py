import os

import pytest

from keras_rbm import checks


@pytest.mark.parametrize("value", [1, 2**31 - 1])
def test_positive_integers(value):
    assert checks.positive_integer("count", value) == value


@pytest.mark.parametrize("value", [0, -1, 2**31, 1.0, True, "1", None])
def test_other_integers_are_refused(value):
    with pytest.raises(ValueError, match=r"`count` must .* Received: count="):
        checks.positive_integer("count", value)


def test_what_fits_into_memory_is_all_there_is():
    numbers = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
    checks.in_memory("x", (numbers,))
    with pytest.raises(ValueError, match=r"`x` must fit into memory"):
        checks.in_memory("x", (1, numbers + 1))
