"""Learning rates over a run."""

import pytest

from keras_rbm import experiment


def test_the_learning_rate_falls_linearly():
    schedule = experiment.linear_decay(10, initial_learning_rate=0.4)
    assert float(schedule(0)) == pytest.approx(0.4)
    assert float(schedule(5)) == pytest.approx(0.2)


def test_the_learning_rate_is_held_and_falls_then():
    schedule = experiment.hold_then_linear_decay(10, 0.4, hold=0.5)
    rates = [float(schedule(step)) for step in (0, 5, 10)]
    assert rates == pytest.approx([0.4, 0.4, 0.0])
    assert float(schedule(8)) == pytest.approx(0.16)
