"""`import keras_rbm` gives its packages, which are imported when used."""

import pytest

import keras_rbm


@pytest.mark.parametrize("name", keras_rbm._LAZY)
def test_the_packages_are_at_hand(name):
    assert getattr(keras_rbm, name).__name__ == f"keras_rbm.{name}"
    assert name in dir(keras_rbm)


def test_what_is_not_there_is_an_error():
    with pytest.raises(AttributeError, match="no attribute 'figure'"):
        keras_rbm.figure  # noqa: B018
