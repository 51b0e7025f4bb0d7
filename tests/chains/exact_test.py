import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, ExactChain, gradients, random, replicas
from tests.machines import (
    assert_law,
    data,
    machine,
    rbm,
    rounding,
    weights,
)
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
STREAM = random.stream(4)
# Sums of 32 probabilities, of energies up to 20.
ERROR = rounding("float32", 20.0, 32)


def test_all_states_come_with_their_probabilities():
    chain = ExactChain()
    v = chain.advance(machine(ORACLE), tf.ones((3, 5)), STREAM)
    assert v.dtype == "float32"
    np.testing.assert_array_equal(v, ORACLE.visible_states)
    np.testing.assert_allclose(
        chain.model_weight(machine(ORACLE), v),
        ORACLE.p_visible,
        rtol=0,
        atol=ERROR,
    )
    double = machine(ORACLE, "float64")
    v = chain.advance(double, None, STREAM)
    assert v.dtype == "float64"
    np.testing.assert_allclose(
        chain.model_weight(double, v), ORACLE.p_visible, rtol=1e-12
    )


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_the_gradient_is_that_of_the_likelihood(beta):
    """In float64: to rounding, with no other error."""
    oracle = Oracle(
        ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias, beta
    )
    rng = np.random.default_rng(0)
    v, weight = rng.random((9, 5)), rng.random(9)
    model = rbm(oracle, chain=ExactChain(), dtype="float64")
    with tf.GradientTape() as tape:
        # Not every one is trainable to Keras: see `Parameters.trained_by_fit`.
        tape.watch([v.value for v in model.trainable_variables])
        parts = model.machine()
        v_model = model.chain.advance(parts, None, STREAM)
        batch = replicas.batch(tf.constant(v), weight)
        negative = model.chain.negative(parts, v_model, batch)
        gap, _ = gradients.free_energy_gap(
            parts, v, v_model, batch.parts(), negative
        )
    slopes = tape.gradient(gap, model.trainable_variables)
    for slope, x in zip(slopes, oracle.gradient(v, weight / 9), strict=True):
        np.testing.assert_allclose(
            slope, x, rtol=0, atol=rounding("float64", 1.0, 64)
        )


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {}], ids=str)
def test_an_update_follows_the_likelihood(options):
    model = rbm(ORACLE, chain=ExactChain(), centered=False)
    model.compile(keras.optimizers.SGD(0.1), **options)
    weight = np.linspace(0, 2, 48)
    model.fit(data(), batch_size=48, sample_weight=weight, epochs=1, verbose=0)
    start = ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias
    slopes = ORACLE.gradient(data(), weight / 48)
    for x, y, slope in zip(weights(model), start, slopes, strict=True):
        np.testing.assert_allclose(x, y - 0.1 * slope, rtol=0, atol=ERROR)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_samples_are_exact_draws(jit_compile):
    @tf.function(jit_compile=jit_compile)
    def samples(key):
        v_data = tf.zeros((50_000, 5))
        stream = random.Stream(key)
        return ExactChain().samples(machine(ORACLE), v_data, stream)

    drawn = samples(STREAM.key)
    assert_law(drawn, ORACLE.p_visible)
    # And independent of each other: pairs have the product's law.
    pairs = np.concatenate([drawn[::2, :3], drawn[1::2, :3]], axis=1)
    law = ORACLE.p_visible.reshape(8, 4).sum(axis=1)
    assert_law(pairs, np.outer(law, law).ravel())
    assert (samples(random.fold_in(STREAM, 1).key) != drawn).numpy().any()


def test_states_that_are_almost_impossible_are_almost_never_drawn():
    sure = Oracle(np.zeros((5, 1)), [40.0, -40.0, 40.0, -40.0, 40.0], [0.0])
    v = ExactChain().samples(machine(sure), tf.zeros((10_000, 5)), STREAM)
    np.testing.assert_array_equal(v, np.tile([1, 0, 1, 0, 1], (10_000, 1)))


def test_the_loss_is_about_0_where_the_data_are_the_models():
    model = rbm(ORACLE, chain=ExactChain())
    model.compile("sgd", run_eagerly=True)
    loss = model.evaluate(
        ORACLE.visible_states,
        sample_weight=ORACLE.p_visible,
        batch_size=32,
        verbose=0,
    )[0]
    energy = ORACLE.free_energy(ORACLE.visible_states)
    mean = ORACLE.p_visible @ energy
    variance = ORACLE.p_visible @ (energy - mean) ** 2
    # Of 32 draws from the model.
    assert abs(loss) < 4 * np.sqrt(variance / 32)


@pytest.mark.parametrize("visible", [17, 64])
def test_more_states_than_can_be_enumerated_are_refused(visible):
    with pytest.raises(ValueError, match=r"`visible` must have at most 2\*\*1"):
        RBM(visible, 4, ExactChain())
    RBM(16, 4, ExactChain())


def test_uncountable_states_are_refused():
    class Real(type(RBM(5, 4).visible)):
        states = None

    with pytest.raises(ValueError, match=r"Received: visible=Real\(size=5\)"):
        RBM(Real(5), 4, ExactChain())


def test_nothing_is_kept_but_the_number_of_sweeps():
    model = RBM(5, 4, ExactChain(), seed=0)
    assert [v.name for v in model.chain.variables] == ["num_sweeps"]
    assert model.fantasy_particles is None


def test_config_round_trip():
    chain = ExactChain(name="negative_phase")
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(chain)
    )
    assert type(copy) is ExactChain
    assert copy.get_config() == chain.get_config()
