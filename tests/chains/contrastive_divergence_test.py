import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import ContrastiveDivergence, random, replicas
from tests.machines import (
    assert_law,
    data,
    exact_draws,
    machine,
    rbm,
    rounding,
    sweeps,
)
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
MACHINE = machine(ORACLE)
STREAM = random.stream(4)
COUNT = 50_000


def chain(num_sweeps):
    chain = ContrastiveDivergence(num_sweeps)
    chain.build((None, 5), (None, 4))
    return chain


@pytest.fixture(scope="module")
def law():
    """A law of the data that is not the machine's."""
    return np.random.default_rng(0).dirichlet(np.ones(32))


@pytest.fixture(scope="module")
def v(law):
    rng = np.random.default_rng(1)
    return tf.constant(exact_draws(rng, law, ORACLE.visible_states, COUNT))


@pytest.mark.parametrize("num_sweeps", [1, 3])
def test_samples_are_so_many_transitions_from_the_data(law, v, num_sweeps):
    transitions = np.linalg.matrix_power(ORACLE.transition(), num_sweeps)
    cd = chain(num_sweeps)
    assert_law(cd.advance(MACHINE, v, STREAM), law @ transitions)
    assert_law(cd.samples(MACHINE, v, STREAM), law @ transitions)


def test_each_example_starts_its_own_chain(v):
    cd = chain(2)
    np.testing.assert_array_equal(
        cd.advance(MACHINE, v[:30], STREAM),
        sweeps(MACHINE, v[:30], STREAM, 2),
    )
    # Data in between are inputs as they are.
    grey = tf.random.stateless_uniform((30, 5), (1, 2))
    np.testing.assert_array_equal(
        cd.advance(MACHINE, grey, STREAM),
        sweeps(MACHINE, grey, STREAM, 2),
    )


def test_nothing_is_kept(v):
    cd = chain(2)
    before = [variable.numpy() for variable in cd.variables]
    moved = cd.advance(MACHINE, v[:30], STREAM)
    cd.start(MACHINE, STREAM)
    cd.persist(MACHINE, tf.zeros((30, 4)), STREAM)
    assert [variable.numpy() for variable in cd.variables] == before
    assert cd.trainable_variables == []
    np.testing.assert_array_equal(cd.advance(MACHINE, v[:30], STREAM), moved)


def test_the_number_of_sweeps_can_be_changed_without_a_trace(v):
    cd = chain(1)
    traces = []

    @tf.function(jit_compile=True)
    def advance(v):
        traces.append(None)
        return cd.advance(MACHINE, v, STREAM)

    for num_sweeps in (1, 4, 2):
        cd.num_sweeps.assign(num_sweeps)
        np.testing.assert_array_equal(
            advance(v[:30]), sweeps(MACHINE, v[:30], STREAM, num_sweeps)
        )
    assert len(traces) == 1


def test_config_round_trip():
    cd = ContrastiveDivergence(3, name="negative_phase")
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(cd)
    )
    assert type(copy) is ContrastiveDivergence
    assert copy.get_config() == cd.get_config()
    assert copy.get_config()["num_sweeps"] == 3
    copy.build((None, 5), (None, 4))
    assert int(copy.num_sweeps) == 3


def test_one_sweep_is_the_default():
    assert ContrastiveDivergence().get_config()["num_sweeps"] == 1


def test_a_sample_has_the_weight_of_its_example():
    """Weights act like copies, also in what is reported."""
    v, weight = np.tile(data(6), (2, 1)), np.repeat([3.0, 0.0], 6)
    steps = []
    for x, own in ((v[:6], None), (v, weight / 1.5), (v, np.zeros(12))):
        model = rbm(ORACLE, chain=ContrastiveDivergence(), centered=False)
        model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
        rows = tf.constant(x, tf.float32)
        machine = model.machine()
        weighted = None if own is None else tf.constant(own, tf.float32)
        batch = replicas.batch(rows, weighted)
        # The first six chains draw alike, whatever follows.
        stream = batch.stream(model.stream(random.Use.TRAIN))
        samples = model.chain.advance(machine, rows, stream)
        if own is not None:
            np.testing.assert_array_equal(samples[:6], steps[0][1])
        slopes = model.gradient_step((rows, None, weighted))
        model.reset_metrics()
        logs = model.test_step((rows, None, weighted))
        steps.append((slopes, samples, float(logs["loss"])))
    (first, _, loss), (second, _, weighted_loss), (last, *_) = steps
    for a, b, c in zip(first, second, last, strict=True):
        np.testing.assert_allclose(b, a, atol=rounding("float32", 3.0, 50))
        np.testing.assert_array_equal(c, np.zeros_like(c))
    assert weighted_loss == pytest.approx(loss, abs=1e-4)
