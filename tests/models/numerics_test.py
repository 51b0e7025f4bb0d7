"""Numbers at the edge: finite, or stopped; and the dtypes agree."""

import contextlib
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, ContrastiveDivergence, PersistentChain, callbacks
from tests import eager
from tests.machines import data, oracle_of, rounding, states_of

POLICIES = ("float64", "float32", "mixed_bfloat16", "mixed_float16")


def extreme(size, dtype="float32"):
    """A machine whose units receive +-size and more."""
    model = RBM(5, 4, PersistentChain(7), seed=0, dtype=dtype)
    signs = np.where(np.arange(20).reshape(5, 4) % 3, 1.0, -1.0)
    model.kernel.assign(size * signs)
    model.visible_params["bias"].assign(np.full(5, -size))
    return model


@pytest.mark.parametrize("size", [1e4, -1e4])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_large_inputs_stay_finite(size, dtype):
    model = extreme(size, dtype)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    history = model.fit(data(), epochs=2, verbose=0).history
    for name, values in history.items():
        assert np.isfinite(values).all(), name
    for x in states_of(model):
        assert np.isfinite(np.asarray(x, "float64")).all()
    for answer in (
        model(data()),
        model.free_energy(data()),
        model.predict_reconstruction(data()),
        model.sample(3, 2, seed=0),
        model.pseudo_log_likelihood(data()),
        [model.log_likelihood(data()).lower],
    ):
        assert np.isfinite(np.asarray(answer, "float64")).all()


def test_large_inputs_have_the_right_free_energy():
    model = extreme(1e4)
    oracle = oracle_of(model)
    v = data()
    exact = np.log(np.exp(0.0)) - (
        v @ oracle.visible_bias
        + np.logaddexp(0.0, v.astype("float64") @ oracle.kernel).sum(1)
    )
    np.testing.assert_allclose(
        model.free_energy(v), exact, atol=rounding("float32", 2e5, 10)
    )


@pytest.mark.parametrize("rate", [1e6, 1e37])
@pytest.mark.parametrize("centered", [True, False])
def test_a_rate_far_too_high_is_finite_or_stopped(rate, centered):
    model = RBM(5, 4, PersistentChain(7), centered, seed=0)
    model.compile(keras.optimizers.SGD(rate), run_eagerly=True)
    stopped = ""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        try:
            model.fit(
                data(),
                batch_size=16,
                epochs=2,
                callbacks=[callbacks.StopOnDivergence()],
                verbose=0,
            )
        except ValueError as error:
            stopped = str(error)
    if not stopped:
        for x in states_of(model):
            assert np.isfinite(x).all()
    # Without centring all hidden units are on, or off, whatever they see.
    is_warned = any("hardly vary" in str(each.message) for each in given)
    assert is_warned == (not centered)
    # The gradient of binary units is bounded: only products overflow.
    assert ("diverged: by update" in stopped) == (rate > 1e30 and centered)


@pytest.mark.parametrize(
    ("visible", "hidden", "chain", "batch", "mode"),
    [
        (5, 4, lambda: PersistentChain(1), 1, eager.functions),
        (5, 1, lambda: PersistentChain(7), 16, eager.functions),
        (1, 4, lambda: PersistentChain(7), 16, eager.functions),
        (1, 1, lambda: PersistentChain(1), 1, contextlib.nullcontext),
        (1, 1, lambda: ContrastiveDivergence(1), 1, eager.functions),
    ],
)
def test_the_smallest_of_everything(visible, hidden, chain, batch, mode):
    model = RBM(visible, hidden, chain(), seed=0)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    x = data(2 * batch, visible)
    history = model.fit(x, batch_size=batch, epochs=2, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert int(model.updates) == 4
    with mode():  # Each size would compile programs of its own.
        assert model.sample(1, 2).shape == (1, visible)
        told = model.log_likelihood(x)
    oracle = oracle_of(model)
    np.testing.assert_allclose(
        told.lower,
        np.mean(oracle.log_likelihood(x)),
        atol=rounding("float32", 10.0, 100),
    )


@pytest.fixture(scope="module")
def parameters():
    """Those of a machine that has learned a little."""
    model = RBM(16, 8, seed=0)
    rng = np.random.default_rng(0)
    return [rng.normal(size=v.shape) for v in model.parameters.variables]


@pytest.mark.parametrize("policy", POLICIES)
def test_likelihoods_agree_in_all_dtypes(parameters, policy):
    """Only rounding of the kernel to the dtype of products sets them apart."""
    x = data(48, 16)
    exact, told = None, None
    for dtype in ("float64", policy):
        model = RBM(16, 8, seed=0, dtype=dtype)
        for variable, value in zip(
            model.parameters.variables, parameters, strict=True
        ):
            variable.assign(value)
        exact, told = told, model.log_likelihood(x).lower
    bits = {"mixed_bfloat16": 2.0**-8, "mixed_float16": 2.0**-11}
    epsilon = bits.get(policy, np.finfo("float32").eps)
    # log p(v) moves by |<v, dW h>| at most, twice: once for v, once in log Z.
    # Errors of the 16 x 8 weights are independent: their root of 128 counts.
    assert abs(told - exact) <= 2 * epsilon * np.sqrt(128) * 4.0


# The other policies learn eagerly in the tests of the trainer. XLA compiles
# float32 in tests of many other models.
@pytest.mark.parametrize(
    ("policy", "jit_compile"),
    [
        ("float32", False),
        ("mixed_float16", True),
        pytest.param("float64", True, marks=pytest.mark.slow),
        pytest.param("mixed_bfloat16", True, marks=pytest.mark.slow),
    ],
)
def test_every_policy_learns(policy, jit_compile):
    """With averaged weights and clipping, also under a scaled loss."""
    model = RBM(5, 4, PersistentChain(50), seed=0, dtype=policy)
    optimizer = keras.optimizers.SGD(
        1.0, use_ema=True, ema_momentum=0.9, clipnorm=1.0
    )
    model.compile(optimizer, jit_compile=jit_compile)
    x = np.repeat(data(), 2, axis=0)
    x[:, 1], x[:, 3] = x[:, 0], x[:, 2]  # Something to learn.
    before = RBM(5, 4, seed=0)
    before.adapt(x)
    ends = []
    model.fit(
        x,
        batch_size=32,
        epochs=30,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: ends.append(
                    model.kernel.numpy()
                )
            )
        ],
    )
    assert model.log_likelihood(x).lower > before.log_likelihood(x).lower
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    assert int(inner.iterations) == 90
    # `fit` has left the average, which is not the last state.
    average = inner._model_variables_moving_average[0]
    np.testing.assert_array_equal(model.kernel.numpy(), average.numpy())
    assert (model.kernel.numpy() != ends[-1]).any()


def test_a_scaled_loss_makes_the_same_update():
    """Clipped too: the scale is gone before the norm is taken."""
    changes = []
    for policy in ("float32", "mixed_float16"):
        model = RBM(5, 4, PersistentChain(50), False, seed=0, dtype=policy)
        model.visible_params["bias"].assign(np.full(5, 1.0))
        start = model.kernel.numpy()
        optimizer = keras.optimizers.SGD(1.0, clipnorm=0.2)
        model.compile(optimizer, run_eagerly=True)
        model.fit(data(16), batch_size=16, epochs=1, verbose=0)
        changes.append(model.kernel.numpy() - start)
    np.testing.assert_allclose(
        np.linalg.norm(changes[0]), 0.2, rtol=rounding("float32", 1.0, 100)
    )
    # The gradient is a difference of moments up to 1, each rounded once, as
    # are the means that they are of.
    np.testing.assert_allclose(changes[1], changes[0], atol=4 * 2.0**-11)


def test_an_overflow_in_float16_skips_the_update():
    """Products beyond 65,504 have no gradient that could be scaled."""
    model = extreme(6e4, "mixed_float16")
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    with contextlib.suppress(ValueError):
        model.fit(data(16), batch_size=16, epochs=1, verbose=0)
    for variable in model.trainable_variables:
        assert np.isfinite(tf.cast(variable.value, "float64")).all()
