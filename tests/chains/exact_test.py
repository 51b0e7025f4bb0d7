import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    ExactChain,
    Gaussian,
    NoisyReLU,
    gradients,
    random,
    replicas,
)
from keras_rbm import machine as machine_lib
from tests.machines import (
    assert_law,
    data,
    machine,
    rbm,
    rounding,
    weights,
)
from tests.oracle import Oracle

# The visible side is the smaller one, and the hidden side.
ORACLE = Oracle.draw(5, 6, seed=1)
SLIM = Oracle.draw(5, 4, seed=1)
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


def test_all_hidden_states_come_with_their_probabilities():
    chain = ExactChain()
    states = chain.advance(machine(SLIM, "float64"), None, STREAM)
    assert isinstance(states, gradients.HiddenStates)
    np.testing.assert_array_equal(states.h, SLIM.hidden_states)
    np.testing.assert_allclose(
        chain.model_weight(machine(SLIM, "float64"), states),
        SLIM.p_hidden,
        rtol=1e-12,
    )


@pytest.mark.parametrize("side", [ORACLE, SLIM], ids=["visible", "hidden"])
@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_the_gradient_is_that_of_the_likelihood(beta, side):
    """In float64: to rounding, with no other error."""
    oracle = Oracle(side.kernel, side.visible_bias, side.hidden_bias, beta)
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


@pytest.mark.parametrize("oracle", [ORACLE, SLIM], ids=["visible", "hidden"])
@pytest.mark.parametrize("options", [{"run_eagerly": True}, {}], ids=str)
def test_an_update_follows_the_likelihood(options, oracle):
    model = rbm(oracle, chain=ExactChain(), centered=False)
    model.compile(keras.optimizers.SGD(0.1), **options)
    weight = np.linspace(0, 2, 48)
    model.fit(data(), batch_size=48, sample_weight=weight, epochs=1, verbose=0)
    start = oracle.kernel, oracle.visible_bias, oracle.hidden_bias
    slopes = oracle.gradient(data(), weight / 48)
    for x, y, slope in zip(weights(model), start, slopes, strict=True):
        np.testing.assert_allclose(x, y - 0.1 * slope, rtol=0, atol=ERROR)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("oracle", [ORACLE, SLIM], ids=["visible", "hidden"])
def test_samples_are_exact_draws(oracle, jit_compile):
    @tf.function(jit_compile=jit_compile)
    def samples(key):
        v_data = tf.zeros((50_000, 5))
        stream = random.Stream(key)
        return ExactChain().samples(machine(oracle), v_data, stream)

    drawn = samples(STREAM.key)
    assert_law(drawn, oracle.p_visible)
    # And independent of each other: pairs have the product's law.
    pairs = np.concatenate([drawn[::2, :3], drawn[1::2, :3]], axis=1)
    law = oracle.p_visible.reshape(8, 4).sum(axis=1)
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


def test_both_enumerations_have_one_gradient():
    """Of a gap by visible states, and by hidden ones, in float64."""
    target, v = machine(SLIM, "float64"), data().astype("float64")
    watched = [
        target.kernel,
        target.visible_params["bias"],
        target.hidden_params["bias"],
    ]
    by_hidden = ExactChain().advance(target, None, STREAM)
    slopes = []
    for states, weight in (
        (tf.constant(SLIM.visible_states, "float64"), SLIM.p_visible),
        (by_hidden, ExactChain().model_weight(target, by_hidden)),
    ):
        with tf.GradientTape() as tape:
            tape.watch(watched)
            gap, inputs = gradients.free_energy_gap(
                target, v, states, negative=tf.constant(weight)
            )
        slopes.append(tape.gradient(gap, watched))
    assert inputs.shape == (48, 4)
    for x, y in zip(*slopes, strict=True):
        np.testing.assert_allclose(
            x, y, rtol=0, atol=rounding("float64", 1.0, 64)
        )


def test_real_visible_units_with_few_hidden_ones_have_exact_gradients():
    model = RBM(Gaussian(3), 2, ExactChain(), seed=0, dtype="float64")
    model.kernel.assign([[0.5, -0.2], [0.1, 0.7], [0.3, 0.3]])
    v = np.random.default_rng(0).normal(size=(20, 3))
    target = model.machine()
    watched = [target.kernel, *target.visible_params.values()]
    states = model.chain.advance(target, None, STREAM)
    weight = model.chain.model_weight(target, states)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(watched)
        gap, _ = gradients.free_energy_gap(target, v, states, negative=weight)
        log_z = tf.reduce_logsumexp(
            -machine_lib.free_energy(machine_lib.flip(target), states.h)
        )
        loss = tf.reduce_mean(machine_lib.free_energy(target, v)) + log_z
    for x, y in zip(
        tape.gradient(gap, watched), tape.gradient(loss, watched), strict=True
    ):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("visible", [17, 64])
def test_more_states_than_can_be_enumerated_are_refused(visible):
    with pytest.raises(
        ValueError, match=r"`visible` or `hidden` must have at most 2\*\*1"
    ):
        RBM(visible, 17, ExactChain())
    RBM(visible, 4, ExactChain())
    RBM(16, 40, ExactChain())


def test_uncountable_states_are_refused():
    with pytest.raises(ValueError, match=r"Received: visible=Gaussian\(size"):
        RBM(Gaussian(5), 17, ExactChain())


def test_approximate_visible_units_are_not_summed_out():
    with pytest.raises(ValueError, match=r"hidden=Bernoulli\(size=2\)"):
        RBM(NoisyReLU(5), 2, ExactChain())


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
