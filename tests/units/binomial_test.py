import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_rbm import Bernoulli, Binomial, random
from tests.machines import rounding
from tests.units import laws

Z = np.array([-2.0, 0.0, 3.0])


def test_a_single_trial_is_a_binary_unit():
    one, binary = Binomial(3, 1), Bernoulli(3)
    params = {"bias": tf.constant(Z)}
    inputs = tf.constant(np.random.default_rng(0).normal(size=(50, 3)))
    x = tf.sigmoid(inputs)  # Also in between.
    for method, argument in (
        ("energy", x),
        ("log_partition", inputs),
        ("mean", inputs),
    ):
        np.testing.assert_allclose(
            getattr(one, method)(argument, params),
            getattr(binary, method)(argument, params),
        )
    stream = random.stream(1)
    np.testing.assert_array_equal(
        one.sample(inputs, params, stream),
        binary.sample(inputs, params, stream),
    )


@pytest.mark.parametrize(
    "trials", [2, 7, pytest.param(300, marks=pytest.mark.slow)]
)
def test_the_law_is_binomial(trials):
    unit = Binomial(3, trials)
    params = {"bias": tf.constant(Z)}
    inputs = tf.zeros((20_000, 3), "float64")
    x = np.arange(trials + 1.0)
    law = stats.binom(trials, 1 / (1 + np.exp(-Z[:, None])))
    energies = np.stack(
        [
            Binomial(1, trials).energy(
                tf.constant(x[:, None]), {"bias": tf.constant(Z[i : i + 1])}
            )
            for i in range(3)
        ]
    )
    log_z = trials * np.logaddexp(0, Z)
    np.testing.assert_allclose(
        np.exp(-energies - log_z[:, None]),
        law.pmf(x),
        rtol=rounding("float64", 1e3, 10),
        atol=1e-300,
    )
    samples = unit.sample(inputs, params, random.stream(3)).numpy()
    for i in range(3):
        counts = np.bincount(samples[:, i].astype(int), minlength=trials + 1)
        expected = law.pmf(x)[i] * len(samples)
        # States that are rare are put together.
        common = expected > 20
        counts, expected = (
            np.append(c[common], c[~common].sum()) for c in (counts, expected)
        )
        keep = expected > 1
        statistic = ((counts - expected)[keep] ** 2 / expected[keep]).sum()
        assert stats.chi2.sf(statistic, keep.sum() - 1) > 1e-4


def test_energies_in_between_are_on_straight_lines():
    unit, params = Binomial(1, 4), laws.starting(Binomial(1, 4))
    x = np.array([0.0, 0.25, 1.0, 1.5, 2.0, 4.0])
    energy = unit.energy(tf.constant(x[:, None], tf.float32), params).numpy()
    logs = np.log([1, 4, 6, 4, 1])
    np.testing.assert_allclose(
        energy,
        -np.interp(x, np.arange(5), logs),
        atol=rounding("float32", 2.0, 4),
    )


def test_states():
    unit = Binomial(2, 3)
    assert unit.states == (0.0, 1.0, 2.0, 3.0)
    assert unit.support == (0.0, 3.0)
    assert unit.num_joint_states == 16
    unit.check(np.array([[0.5, 3.0]]))
    with pytest.raises(ValueError, match=r"0, 1, ... and 3 alone|0, 1 .* 3"):
        unit.check_states(np.array([[0.5, 3.0]]))
    with pytest.raises(ValueError, match="from 0 to 3"):
        unit.check(np.array([[0.0, 4.0]]))


@pytest.mark.parametrize("value", [0, -1, 2.0, None, True])
def test_trials_are_a_positive_integer(value):
    with pytest.raises(ValueError, match="`trials` must be a positive integer"):
        Binomial(3, value)


def test_memory_does_not_grow_with_the_trials():
    def sizes(trials):
        unit = Binomial(3, trials)
        graph = (
            tf.function(
                lambda inputs: unit.sample(
                    inputs, laws.starting(unit), random.stream(0)
                )
            )
            .get_concrete_function(tf.TensorSpec((5, 3), "float32"))
            .graph
        )
        return [
            x.shape.num_elements()
            for op in graph.get_operations()
            for x in op.outputs
            if x.shape.num_elements() is not None
        ]

    assert max(sizes(200)) == max(sizes(3))
