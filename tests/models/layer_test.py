"""An RBM as a layer of other Keras models."""

import keras
import numpy as np
import pytest

from keras_rbm import (
    RBM,
    DeepBeliefNetwork,
    DeepBoltzmannMachine,
    Gaussian,
    NoisyReLU,
    PersistentChain,
    Softmax,
    Spin,
)
from keras_rbm.models.parameters import Parameters
from tests.machines import assert_same_states, data, rounding
from tests.oracle import Oracle

X = data(32, 5)
Y = X[:, :2].argmax(axis=1)
# What a call of the RBM does not depend on.
UNREACHED = ("visible_bias", "updates", "mean", "variance", "chain", "offsets")


def trained(**kwargs):
    """An RBM that has learned, with chains and offsets that are not 0."""
    rbm = RBM(
        5,
        4,
        seed=1,
        **{
            "chain": PersistentChain(6),
            "kernel_regularizer": keras.regularizers.L2(0.1),
            **kwargs,
        },
    )
    rbm.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    rbm.fit(X, batch_size=16, verbose=0)
    return rbm


def sequential(rbm):
    return keras.Sequential([keras.Input((5,)), rbm, keras.layers.Dense(2)])


def functional(rbm):
    v = keras.Input((5,))
    h = rbm(keras.layers.Rescaling(0.5)(v))
    both = keras.layers.Concatenate()([h, v])
    return keras.Model(v, keras.layers.Dense(2)(both))


def compiled(model, **kwargs):
    # The strictest of optimizers: weight decay moves what has no gradient.
    model.compile(
        keras.optimizers.AdamW(0.1, weight_decay=0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **kwargs,
    )
    return model


def values(model):
    return {v.path: v.numpy() for v in model.variables}


@pytest.mark.parametrize(
    ("make", "jit_compile"), [(sequential, True), (functional, False)]
)
def test_it_learns_what_the_loss_reaches_and_nothing_else(make, jit_compile):
    """Any warning, such as of a missing gradient, would be an error."""
    rbm = trained()
    model = compiled(make(rbm), jit_compile=jit_compile)
    before = values(rbm)
    history = model.fit(X, Y, batch_size=16, epochs=2, verbose=0).history
    assert set(history) == {"accuracy", "loss"}
    for path, value in values(rbm).items():
        same = np.array_equal(value, before[path])
        assert same == any(name in path for name in UNREACHED), path
    assert len(model.trainable_variables) == 4
    # The RBM's own regularizer is a part of the loss, as any layer's.
    (penalty,) = model.losses
    np.testing.assert_allclose(
        penalty,
        0.1 * np.square(rbm.kernel.numpy()).sum(),
        rtol=rounding("float32", 1.0, operations=20),
    )


def test_frozen_and_thawed_again():
    rbm = trained()
    model = compiled(sequential(rbm), run_eagerly=True)
    rbm.trainable = False
    assert rbm.trainable_variables == []
    assert len(model.trainable_variables) == 2
    assert model.losses == []
    before = values(rbm)
    model.fit(X, Y, verbose=0)
    for path, value in values(rbm).items():
        np.testing.assert_array_equal(value, before[path])
    rbm.trainable = True
    assert len(model.trainable_variables) == 4
    assert [v.name for v in rbm.trainable_variables] == [
        "kernel",
        "visible_bias",
        "hidden_bias",
    ]


def test_frozen_it_is_loaded_frozen(tmp_path):
    rbm = trained()
    rbm.trainable = False
    model = compiled(sequential(rbm), run_eagerly=True)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.trainable_variables) == 2
    assert_same_states(loaded, model)
    loaded.layers[0].trainable = True
    assert len(loaded.layers[0].trainable_variables) == 3


def test_its_own_fit_goes_on_after_that_of_the_other_model():
    rbm = trained()
    model = compiled(sequential(rbm), run_eagerly=True)
    model.fit(X, Y, verbose=0)
    before = values(rbm)
    rbm.fit(X, batch_size=16, verbose=0)
    for path, value in values(rbm).items():
        fixed = path.endswith(("mean", "variance", "sweeps"))
        assert np.array_equal(value, before[path]) == fixed, path


@pytest.mark.parametrize("make", [sequential, functional])
def test_the_other_model_is_saved_loaded_and_cloned(make, tmp_path):
    model = compiled(make(trained()), run_eagerly=True)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same_states(loaded, model)
    np.testing.assert_array_equal(loaded(X), model(X))
    clone = keras.models.clone_model(model)
    (rbm,) = (layer for layer in clone.layers if isinstance(layer, RBM))
    (own,) = (layer for layer in model.layers if isinstance(layer, RBM))
    assert rbm is not own
    assert clone.count_params() == model.count_params()
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(X), model(X))


def test_a_summary_counts_what_is_trained():
    rbm, lines = trained(), []
    sequential(rbm).summary(print_fn=lines.append)
    # The kernel and the hidden bias, and the dense layer.
    assert f"Trainable params: {20 + 4 + 10} " in "\n".join(lines)
    lines.clear()
    rbm.summary(print_fn=lines.append)
    assert f"Trainable params: {20 + 5 + 4} " in "\n".join(lines)
    weights = [*rbm.trainable_weights, *rbm.non_trainable_weights]
    assert len(weights) == len(rbm.weights) == len({id(w) for w in weights})


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    rbm = trained(dtype=policy)
    model = keras.Sequential([rbm, keras.layers.Dense(2, dtype=policy)])
    model.compile("sgd", "mse", run_eagerly=True)
    before = rbm.kernel.numpy()
    model.fit(X, X[:, :2], verbose=0)
    assert model(X).dtype == policy.removeprefix("mixed_")
    assert (rbm.kernel.numpy() != before).any()


def test_the_parameters_in_a_file_are_in_the_order_of_older_files(tmp_path):
    """The kernel, then the visible and the hidden bias."""
    rbm, store = trained(), {}
    rbm.parameters.save_own_variables(store)
    for number, variable in enumerate(rbm.trainable_variables):
        assert store[str(number)] is variable
    with pytest.raises(ValueError, match="must have 3 parameters"):
        rbm.parameters.load_own_variables({"0": rbm.kernel})
    assert isinstance(rbm.parameters, Parameters)


@pytest.mark.parametrize("beta", [1.0, 2.5])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_dense_layer_gives_the_same(beta, dtype):
    rbm = trained(inverse_temperature=beta, dtype=dtype)
    dense = rbm.to_dense(name="first")
    assert type(dense) is keras.layers.Dense
    assert (dense.name, dense.built) == ("first", True)
    h = np.asarray(dense(X), "float32")
    # Means up to 1, of sums of 5 products.
    exact = rounding(rbm.compute_dtype, 1.0, operations=6)
    np.testing.assert_allclose(h, np.asarray(rbm(X), "float32"), atol=exact)
    before = np.asarray(rbm(X))
    dense.kernel.assign(dense.kernel + 1.0)
    np.testing.assert_array_equal(rbm(X), before)  # It is a copy.


@pytest.mark.parametrize(
    "hidden",
    [
        Spin(4),
        Gaussian(4, precision=2.0),
        Gaussian(4),
        Softmax(1, 4),
        NoisyReLU(4),
    ],
    ids=repr,
)
@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_a_dense_layer_gives_the_same_for_other_units(hidden, beta):
    rbm = RBM(5, hidden, seed=1, inverse_temperature=beta)
    for number, variable in enumerate(rbm.parameters.variables):
        draws = np.random.default_rng(number).uniform(0.1, 0.6, variable.shape)
        if variable.trainable:
            variable.assign(draws)
    dense = rbm.to_dense()
    # Sums of 5 products up to 2.5 * 0.6, and their sigmoids.
    exact = rounding("float32", 5 * 2.5 * 0.6, operations=8)
    np.testing.assert_allclose(dense(X), rbm(X), atol=exact)
    assert np.ptp(rbm(X), axis=0).min() > 100 * exact


def test_a_deep_model_has_no_dense_layer():
    with pytest.raises(ValueError, match="more than one layer"):
        DeepBoltzmannMachine(5, 4, 3, seed=1).to_dense()


def test_several_sites_have_no_activation():
    with pytest.raises(ValueError, match="mean of Softmax units"):
        RBM(5, Softmax(2, 3), seed=1).to_dense()


def test_a_dense_layer_takes_what_dense_takes():
    rbm = trained()
    constraint = keras.constraints.MaxNorm(0.01, axis=0)
    dense = rbm.to_dense(activation="linear", kernel_constraint=constraint)
    assert dense.activation is keras.activations.linear
    norms = np.linalg.norm(dense.kernel, axis=0)
    assert (norms < 0.011).all()
    oracle = Oracle(rbm.kernel.numpy(), np.zeros(5), np.zeros(4))
    assert np.linalg.norm(oracle.kernel, axis=0).max() > 0.011


def test_units_without_an_activation_are_told(monkeypatch):
    rbm = trained()
    monkeypatch.setattr(type(rbm.hidden), "activation", None)
    with pytest.raises(ValueError, match="use the RBM itself as a layer"):
        rbm.to_dense()
    assert rbm.to_dense(activation="sigmoid").built


def test_a_call_takes_nested_lists():
    rbm = RBM(5, 4, seed=1)
    for model in (rbm, DeepBeliefNetwork([rbm])):
        np.testing.assert_array_equal(model(X.tolist()), model(X))
    integers = X.astype(int).tolist()
    np.testing.assert_array_equal(rbm(integers), rbm(X))
