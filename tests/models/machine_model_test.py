import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, PersistentChain
from keras_rbm import machine as machine_lib
from tests.machines import data, rbm, rounding
from tests.oracle import Oracle

# Sums of some 30 numbers, up to 20 altogether.
ERROR = rounding("float32", 20.0, 30)
BETAS = [1.0, 0.3, 2.0]


def oracle(beta=1.0):
    plain = Oracle.draw(5, 4, seed=1)
    return Oracle(plain.kernel, plain.visible_bias, plain.hidden_bias, beta)


@pytest.fixture(params=BETAS)
def pair(request):
    """A model and its oracle, at some inverse temperature."""
    exact = oracle(request.param)
    return rbm(exact), exact


@pytest.fixture
def v():
    grey = np.random.default_rng(0).random((7, 5))
    return np.concatenate([data(), grey]).astype("float32")


def test_call_gives_hidden_means(pair, v):
    model, exact = pair
    np.testing.assert_allclose(model(v), exact.hidden_mean(v), atol=ERROR)
    np.testing.assert_allclose(
        model.predict(v, batch_size=10, verbose=0),
        exact.hidden_mean(v),
        atol=ERROR,
    )
    assert model.compute_output_shape((None, 5)) == (None, 4)
    assert model(keras.Input((5,))).shape == (None, 4)


def test_free_energy(pair, v):
    model, exact = pair
    energies = model.free_energy(v)
    assert energies.shape == (len(v),)
    np.testing.assert_allclose(energies, exact.free_energy(v), atol=2 * ERROR)
    log_p = -energies.numpy() - exact.log_z
    np.testing.assert_allclose(log_p, exact.log_likelihood(v), atol=2 * ERROR)


@pytest.mark.parametrize("dtype", ["uint8", "int64", bool, "float64"])
def test_states_may_come_in_any_dtype(dtype):
    model = rbm(oracle())
    v = data()
    for answer in (model.free_energy, model.predict_reconstruction):
        np.testing.assert_array_equal(answer(v.astype(dtype)), answer(v))


def test_predict_reconstruction(pair, v):
    model, exact = pair
    expected = exact.visible_mean(exact.hidden_mean(v))
    np.testing.assert_allclose(
        model.predict_reconstruction(v), expected, atol=ERROR
    )


def test_machine_holds_the_current_parameters():
    exact = oracle(0.5)
    model = rbm(exact)
    machine = model.machine()
    np.testing.assert_allclose(machine.kernel, 0.5 * model.kernel.numpy())
    model.kernel.assign(2 * model.kernel)
    np.testing.assert_allclose(
        model.machine().kernel, 2 * machine.kernel.numpy()
    )
    assert machine.visible == model.visible
    assert machine.hidden == model.hidden


@pytest.mark.parametrize("beta", [1.0, 0.5])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_machine_that_is_kept_stays_as_it_was(beta, dtype):
    model = rbm(oracle(beta), dtype=dtype)
    kept = tf.nest.flatten(model.machine()[2:5])  # All but beta.
    before = [x.numpy().copy() for x in kept]
    for variable in model.trainable_variables:
        variable.assign_add(tf.ones(variable.shape))
    for x, y in zip(kept, before, strict=True):
        np.testing.assert_array_equal(x.numpy(), y)


def test_machine_of_a_mixed_policy():
    model = rbm(oracle(), dtype="mixed_bfloat16")
    machine = model.machine()
    assert machine.kernel.dtype == tf.bfloat16
    for params in (machine.visible_params, machine.hidden_params):
        assert params["bias"].dtype == tf.float32
    assert model.kernel.dtype == "float32"
    assert model(data()).dtype == tf.bfloat16
    assert model.free_energy(data()).dtype == tf.float32
    # Products of numbers up to 3, of which 5 are added, 4 times.
    np.testing.assert_allclose(
        model.free_energy(data()),
        oracle().free_energy(data()),
        atol=rounding("bfloat16", 3.0, 20),
    )


@pytest.mark.parametrize("chain", [None, "persistent"])
def test_answers_in_float64(chain):
    chain = chain and PersistentChain(7)
    model = rbm(oracle(), chain=chain, dtype="float64")
    v = data()
    np.testing.assert_allclose(
        model.free_energy(v),
        oracle().free_energy(v),
        rtol=0,
        atol=rounding("float64", 20.0, 30),
    )
    assert model.sample(6, 2, seed=0).dtype == tf.float64
    assert model(v).dtype == model.predict_reconstruction(v).dtype == tf.float64


def test_it_stacks_and_trains_with_what_follows():
    keras.utils.set_random_seed(0)
    first = rbm(oracle(), visible_bias_initializer="zeros")
    model = keras.Sequential([first, keras.layers.Dense(1)])
    x = data()
    np.testing.assert_allclose(
        model(x),
        first(x).numpy() @ model.layers[1].kernel.numpy(),
        rtol=0,
        atol=rounding("float32", 4.0, 8),
    )
    before = first.kernel.numpy(), first.hidden_params["bias"].numpy()
    model.compile(keras.optimizers.Adam(0.05), "mse", run_eagerly=True)
    target = x[:, :1] - x[:, 1:2]
    start = model.evaluate(x, target, verbose=0)
    model.fit(x, target, epochs=15, batch_size=16, verbose=0)
    assert model.evaluate(x, target, verbose=0) < 0.5 * start
    assert (first.kernel.numpy() != before[0]).all()
    assert (first.hidden_params["bias"].numpy() != before[1]).all()


def test_frozen_it_stays_as_it_is():
    first = rbm(oracle())
    first.trainable = False
    model = keras.Sequential([first, keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    before = [variable.numpy() for variable in first.variables]
    model.fit(data(), data()[:, :1], batch_size=16, verbose=0)
    for variable, value in zip(first.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert len(model.trainable_variables) == 2


def test_scaling_the_machine_is_the_inverse_temperature():
    warm, cold = rbm(oracle(1.0)), rbm(oracle(3.0))
    scaled = machine_lib.scale(warm.machine(), 3.0)
    for x, y in zip(
        tf.nest.flatten(cold.machine()[2:]),
        tf.nest.flatten(scaled[2:]),
        strict=True,
    ):
        np.testing.assert_allclose(x, y, rtol=rounding("float32", 1.0))


@pytest.mark.parametrize("width", [4, 6])
def test_examples_of_another_width_are_refused(width):
    model, v = rbm(oracle()), np.zeros((3, width), "float32")
    for answer in (model, model.free_energy, model.predict_reconstruction):
        with pytest.raises(ValueError, match=r"`v` must have shape"):
            answer(v)


def test_sizes_of_the_sides():
    model = RBM(5, 4, seed=0)
    assert model.kernel.shape == (5, 4)
    assert model.visible_params["bias"].shape == (5,)
    assert model.hidden_params["bias"].shape == (4,)
    assert len(model.trainable_variables) == 3
