import gin
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    Bernoulli,
    Binomial,
    Composite,
    Gaussian,
    NoisyReLU,
    ReLU,
    Softmax,
    Spin,
    random,
)
from tests.units import laws

UNIT = Composite(Bernoulli(2), Gaussian(3), Softmax(1, 4), ReLU(2, 0.5))


def test_columns_parameters_and_sites():
    assert UNIT.width == 11
    assert UNIT.size == 8
    assert [(c.start, c.stop) for c in UNIT.columns] == [
        (0, 2),
        (2, 5),
        (5, 9),
        (9, 11),
    ]
    shapes = {name: p.shape for name, p in UNIT.parameters().items()}
    assert shapes == {"bias": (11,), "1_precision": (3,), "3_precision": (2,)}
    assert not UNIT.parameters()["3_precision"].trainable
    assert [(s.first, s.size) for s in UNIT.sites] == [(0, 2), (5, 1)]
    low, high = UNIT.support
    np.testing.assert_array_equal(low, [0] * 2 + [-np.inf] * 3 + [0] * 6)
    np.testing.assert_array_equal(
        high, [1] * 2 + [np.inf] * 3 + [1] * 4 + [np.inf] * 2
    )
    assert UNIT.least_curvature() == 0.01
    assert Composite(Bernoulli(1), Spin(2)).least_curvature() == np.inf
    assert UNIT.states is None


def test_it_is_its_parts_side_by_side():
    params, inputs = laws.parameters(UNIT), laws.inputs(UNIT, laws.SMALL)
    x = tf.abs(inputs)
    means, energies, log_partitions = [], 0.0, 0.0
    for number, (part, columns) in enumerate(
        zip(UNIT.parts, UNIT.columns, strict=True)
    ):
        own = {"bias": params["bias"][columns]}
        if f"{number}_precision" in params:
            own["precision"] = params[f"{number}_precision"]
        means.append(part.mean(inputs[:, columns], own))
        energies += part.energy(x[:, columns], own)
        log_partitions += part.log_partition(inputs[:, columns], own)
    np.testing.assert_array_equal(
        UNIT.mean(inputs, params), np.concatenate(means, axis=1)
    )
    np.testing.assert_allclose(UNIT.energy(x, params), energies, rtol=1e-5)
    np.testing.assert_allclose(
        UNIT.log_partition(inputs, params), log_partitions, rtol=1e-6
    )


def test_parts_of_one_type_have_draws_of_their_own():
    unit = Composite(Bernoulli(50), Bernoulli(50))
    x = unit.sample(
        tf.zeros((200, 100)), laws.starting(unit), random.stream(0)
    ).numpy()
    same = (x[:, :50] == x[:, 50:]).mean()
    assert abs(same - 0.5) < 4 * 0.5 / np.sqrt(200 * 50)


def test_joint_states_of_many_are_mixed_digits():
    unit = Composite(Bernoulli(784), Softmax(1, 10), Binomial(1, 2))
    assert unit.num_joint_states == 2**784 * 30
    states = unit.joint_states(tf.constant([30 + 3 * 7 + 2])).numpy()[0]
    assert states[:784].sum() == states[783] == 1
    np.testing.assert_array_equal(states[784:794], np.eye(10)[7])
    assert states[794] == 2
    assert UNIT.num_joint_states is None
    with pytest.raises(ValueError, match=r"Composite\(.* cannot be enumerated"):
        UNIT.joint_states(tf.constant([0]))


def test_data_of_each_part_are_checked():
    x = laws.some_states(
        laws.Case(
            UNIT,
            [laws.BINARY] * 2
            + [laws.REAL] * 3
            + [laws.listed(*np.eye(4))]
            + [laws.POSITIVE] * 2,
            None,
        )
    )
    UNIT.check_states(x)
    for column, value in ((1, 1.5), (4, np.inf), (6, 2.0), (10, -0.1)):
        wrong = x.copy()
        wrong[2, column] = value
        with pytest.raises(
            ValueError,
            match=r"values from 0 to 1 \(columns 0 to 1\) and .* \(columns 5 to"
            rf" 8\) and .*Received: x\[2, {column}\]={value}$",
        ):
            UNIT.check(wrong)
    grey = x.copy()
    grey[0, 1], grey[3, 5:9] = 0.5, 0.25
    UNIT.check(grey)
    with pytest.raises(ValueError, match=r"0 and 1 alone.*x\[0, 1\]=0.5"):
        UNIT.check_states(grey)
    grey[0, 1] = 1.0
    with pytest.raises(ValueError, match=r"one-hot rows alone.*x\[3, 5\]"):
        UNIT.check_states(grey)
    nearest = UNIT.nearest(tf.constant(grey, tf.float32)).numpy()
    assert nearest[3, 5:9].sum() == 1
    kept = [c for c in range(11) if not 5 <= c < 9]
    np.testing.assert_array_equal(
        nearest[:, kept], grey[:, kept].astype("float32")
    )


def test_parts_come_one_by_one_or_as_a_list():
    parts = [Bernoulli(2), Spin(1)]
    for unit in (Composite(parts), Composite(parts=parts)):
        assert unit == Composite(*parts)


def test_parts_can_be_named_in_a_config():
    composite = gin.external_configurable(Composite, module="composite_test")
    gin.bind_parameter("composite_test.Composite.parts", [Bernoulli(2)])
    assert composite() == Composite(Bernoulli(2))
    gin.clear_config()


def test_composites_nest():
    inner = Composite(Gaussian(1), Spin(1))
    unit = Composite(Bernoulli(1), inner)
    assert set(unit.parameters()) == {"bias", "1_0_precision"}
    assert [s.first for s in unit.sites] == [0, 2]
    assert type(unit).from_config(unit.get_config()) == unit
    params, inputs = laws.starting(unit), tf.ones((1, 3))
    np.testing.assert_allclose(
        unit.mean(inputs, params), [[1 / (1 + np.exp(-1)), 1.0, np.tanh(1)]]
    )


def test_an_approximate_part_makes_it_approximate():
    assert UNIT.approximation is None
    unit = Composite(Bernoulli(1), NoisyReLU(1))
    assert unit.approximation == NoisyReLU(1).approximation


@pytest.mark.parametrize("parts", [(), ([],), (3,), (Bernoulli(1), "x")])
def test_parts_are_units(parts):
    with pytest.raises(ValueError, match="`parts` must be Units, at least one"):
        Composite(*parts)


def test_a_part_with_a_bound_bias_is_refused():
    class Bound(Bernoulli):
        def parameters(self):
            return {
                "bias": super().parameters()["bias"]._replace(trainable=False)
            }

    with pytest.raises(ValueError, match="plain biases"):
        Composite(Bernoulli(1), Bound(1))
