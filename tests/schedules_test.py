import keras
import numpy as np
import pytest

from keras_rbm import HoldThenLinearDecay


def test_constant_and_then_a_line_to_0():
    schedule = HoldThenLinearDecay(100, 0.4, hold=0.6)
    steps = np.array([0, 30, 60, 70, 80, 90, 100, 200])
    np.testing.assert_allclose(
        [float(schedule(step)) for step in steps],
        [0.4, 0.4, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0],
        # Differences of numbers up to 1, divided by 0.4, times 0.4.
        atol=4 * np.finfo("float32").eps,
    )


def test_an_optimizer_follows_and_keeps_it():
    optimizer = keras.optimizers.SGD(HoldThenLinearDecay(10, 0.4, hold=0.5))
    optimizer.build([])
    optimizer.iterations.assign(8)
    assert float(optimizer.learning_rate) == pytest.approx(0.16)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert copy.get_config() == optimizer.get_config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_updates": 0}, "`num_updates` must be a positive integer"),
        ({"initial_learning_rate": -1.0}, "`initial_learning_rate` must be"),
        ({"hold": 1.0}, "`hold` must be a number between 0 and 1"),
        ({"hold": 0}, "`hold` must be a number between 0 and 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        HoldThenLinearDecay(**{"num_updates": 10, **arguments})
