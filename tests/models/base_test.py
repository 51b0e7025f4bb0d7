"""What every model can be asked, by itself, as a layer and from a file."""

import copy
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    Bernoulli,
    ClassRBM,
    ContrastiveDivergence,
    DeepBeliefNetwork,
    DeepBoltzmannMachine,
    FreshCompletion,
    Gaussian,
    NoisyReLU,
    PersistentChain,
    Softmax,
    Spin,
    SquaredSparsity,
    likelihood,
)
from keras_rbm import machine as machine_lib
from keras_rbm.models.parameters import Parameters
from tests import made_up_rows
from tests.machines import (
    assert_means,
    assert_same_states,
    batches,
    data,
    rbm,
    rounding,
    states_of,
)
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
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
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
    model.fit(data(), data()[:, :1], batch_size=16, epochs=1, verbose=0)
    for variable, value in zip(first.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert len(model.trainable_variables) == 2


def test_scaling_the_machine_is_the_inverse_temperature():
    warm, cold = rbm(oracle(1.0)), rbm(oracle(3.0))
    scaled = machine_lib.scale(warm.machine(), 3.0)
    for x, y in zip(
        tf.nest.flatten(cold.machine()[2:6]),
        tf.nest.flatten(scaled[2:6]),
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


# As a layer of other Keras models.


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
    rbm.fit(X, batch_size=16, epochs=1, verbose=0)
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
    model.fit(X, Y, epochs=1, verbose=0)
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
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.trainable_variables) == 2
    assert_same_states(loaded, model)
    loaded.layers[0].trainable = True
    assert len(loaded.layers[0].trainable_variables) == 3


def test_two_models_do_not_share_a_chain():
    chain = PersistentChain(7)
    with pytest.raises(ValueError, match="`dtype` must keep"):
        RBM(5, 4, chain, dtype="bfloat16")
    first = RBM(5, 4, chain, seed=0)
    before = chain.particles.numpy()
    for sizes in ((5, 4), (4, 5)):
        with pytest.raises(ValueError, match=r"`chain` must be new.*chain=<P"):
            RBM(*sizes, chain, seed=1)
    np.testing.assert_array_equal(chain.particles, before)
    others = keras.models.clone_model(first), copy.deepcopy(first)
    for other in others:
        assert other.chain is not chain
        assert other.chain.particles is not chain.particles


def test_a_second_build_changes_nothing():
    model = RBM(5, 4, PersistentChain(7), seed=0)
    before = values(model)
    model.build((None, 5))
    assert values(model).keys() == before.keys()
    np.testing.assert_array_equal(model.kernel, before[model.kernel.path])


def test_its_own_fit_goes_on_after_that_of_the_other_model():
    rbm = trained()
    model = compiled(sequential(rbm), run_eagerly=True)
    model.fit(X, Y, epochs=1, verbose=0)
    before = values(rbm)
    rbm.fit(X, batch_size=16, epochs=1, verbose=0)
    for path, value in values(rbm).items():
        fixed = path.endswith(("mean", "variance", "sweeps"))
        assert np.array_equal(value, before[path]) == fixed, path


@pytest.mark.parametrize("make", [sequential, functional])
def test_the_other_model_is_saved_loaded_and_cloned(make, tmp_path):
    model = compiled(make(trained()), run_eagerly=True)
    model.fit(X, Y, epochs=1, verbose=0)
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


def test_after_other_layers_a_call_accepts_what_predict_accepts():
    rbm, network = RBM(5, 4, seed=0), DeepBeliefNetwork([RBM(5, 4, seed=1)])
    for layer in (rbm, network):
        model = keras.Sequential([keras.layers.Rescaling(-2.0), layer])
        found = model(X)
        np.testing.assert_allclose(model.predict(X, verbose=0), found)
        with pytest.raises(ValueError, match="`v` must hold finite"):
            layer(-2.0 * X)
        inner = keras.layers.Lambda(layer)
        with pytest.raises(ValueError, match="`v` must have shape"):
            inner(X[:, :4])
    # A direct call after a call that fails is checked again.
    with pytest.raises(ValueError, match="`v` must hold"):
        rbm(X + 2.0)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    rbm = trained(dtype=policy)
    model = keras.Sequential([rbm, keras.layers.Dense(2, dtype=policy)])
    model.compile("sgd", "mse", run_eagerly=True)
    before = rbm.kernel.numpy()
    model.fit(X, X[:, :2], epochs=1, verbose=0)
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


@pytest.mark.parametrize("shape", [(3, 4), (2, 2, 3), [4, 3]])
def test_the_shape_of_pictures_is_saved_and_cloned(shape, tmp_path):
    rbm = RBM(12, 2, seed=0)
    assert rbm.image_shape is None
    assert "image_shape" not in rbm.get_config()
    rbm.image_shape = shape
    rbm.save(tmp_path / "rbm.keras")
    for again in (
        keras.models.load_model(tmp_path / "rbm.keras"),
        keras.models.clone_model(rbm),
        RBM.from_config(rbm.get_config()),
    ):
        assert again.image_shape == tuple(shape)
    rbm.image_shape = None
    assert "image_shape" not in rbm.get_config()


@pytest.mark.parametrize(
    "shape", [12, (12,), (3, 5), (-3, -4), (3.0, 4), (3, 4, 1, 1), "ab"]
)
def test_a_shape_that_does_not_fit_is_refused(shape):
    rbm = RBM(12, 2, seed=0)
    rbm.image_shape = (3, 4)
    received = re.escape(f"Received: image_shape={shape!r}")
    with pytest.raises(ValueError, match=f"`image_shape` must.*{received}$"):
        rbm.image_shape = shape
    assert rbm.image_shape == (3, 4)


def test_the_picture_of_other_models():
    model = ClassRBM(12, 3, 2, seed=0)
    model.image_shape = (3, 4)  # Without the label.
    with pytest.raises(ValueError, match="the product 12"):
        model.image_shape = (3, 5)
    deep = DeepBoltzmannMachine(12, 3, 2, seed=0)
    deep.image_shape = (3, 4)
    for each in (model, deep):
        assert type(each).from_config(each.get_config()).image_shape == (3, 4)


# Saved, loaded and trained further it is the same model, to the last bit.


EAGERLY = {"run_eagerly": True}
BY_XLA = {"jit_compile": True}
CHAINS = {
    "cd": lambda: ContrastiveDivergence(2),
    "pcd": lambda: PersistentChain(7, 2),
}


def trained_with(chain, centered=True, how=EAGERLY, **kwargs):
    model = RBM(5, 4, chain, centered, seed=3, **kwargs)
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)
    optimizer = keras.optimizers.SGD(schedule, momentum=0.5, use_ema=True)
    model.compile(optimizer, **how)
    return train(model)


def train(model):
    model.fit(data(), batch_size=24, epochs=2, verbose=0, shuffle=False)
    return model


def config(model):
    """The configuration as a file holds it."""
    return json.loads(json.dumps(model.get_config()))


def reload(model, path):
    model.save(path / "model.keras")
    return keras.saving.load_model(path / "model.keras")


@pytest.mark.parametrize(
    ("chain", "centered", "how"),
    [
        ("cd", True, EAGERLY),
        pytest.param("cd", False, EAGERLY, marks=pytest.mark.slow),
        pytest.param("pcd", True, EAGERLY, marks=pytest.mark.slow),
        ("pcd", False, EAGERLY),
        ("pcd", True, BY_XLA),
    ],
)
def test_saved_and_loaded_it_trains_on_alike(tmp_path, chain, centered, how):
    model = trained_with(CHAINS[chain](), centered, how)
    copy = reload(model, tmp_path)
    assert_same_states(model, copy)
    assert config(copy) == config(model)
    assert int(copy.updates) == int(model.updates) == 4
    assert copy.optimizer.get_config() == model.optimizer.get_config()
    assert copy.run_eagerly == model.run_eagerly == (how == EAGERLY)
    assert copy.jit_compile == model.jit_compile == (how == BY_XLA)

    before = states_of(model)
    history, again = (
        one.fit(data(), batch_size=24, epochs=1, verbose=0, shuffle=False)
        for one in (model, copy)
    )
    assert history.history == again.history
    assert_same_states(model, copy)
    assert any(
        (x != y).any() for x, y in zip(before, states_of(model), strict=True)
    )


def test_loaded_it_answers_alike(tmp_path):
    model = trained_with(PersistentChain(7), inverse_temperature=0.7)
    copy = reload(model, tmp_path)
    for answer in (
        lambda rbm: rbm(data()),
        lambda rbm: rbm.free_energy(data()),
        lambda rbm: rbm.predict_reconstruction(data()),
        lambda rbm: rbm.fantasy_particles,
        lambda rbm: rbm.sample(9, 3, seed=1),
        lambda rbm: rbm.evaluate(data(), verbose=0),
    ):
        np.testing.assert_array_equal(answer(copy), answer(model))


def test_a_changed_number_of_sweeps_is_kept(tmp_path):
    model = trained_with(PersistentChain(7, 2))
    model.chain.num_sweeps.assign(5)
    copy = reload(model, tmp_path)
    assert int(copy.chain.num_sweeps) == 5


def test_a_model_without_a_compilation(tmp_path):
    model = RBM(5, 4, PersistentChain(7), seed=1)
    model.adapt(data())
    copy = reload(model, tmp_path)
    assert_same_states(model, copy)
    assert getattr(copy, "optimizer", None) is None


def test_a_loaded_model_does_not_start_afresh(tmp_path):
    model = RBM(5, 4, PersistentChain(7), seed=1)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    model.adapt(data())
    copy = reload(model, tmp_path)
    copy.fit(1.0 - data(), epochs=1, verbose=0)
    np.testing.assert_array_equal(
        copy.visible_params["bias"], model.visible_params["bias"].numpy()
    )


def test_weights_alone(tmp_path):
    model = trained_with(PersistentChain(7))
    model.save_weights(tmp_path / "model.weights.h5")
    copy = RBM(5, 4, PersistentChain(7), seed=8)
    copy.load_weights(tmp_path / "model.weights.h5")
    other = RBM(5, 4, PersistentChain(7), seed=9)
    other.set_weights(model.get_weights())
    for x, y, z in zip(
        model.variables, copy.variables, other.variables, strict=True
    ):
        np.testing.assert_array_equal(x.numpy(), y.numpy())
        np.testing.assert_array_equal(x.numpy(), z.numpy())


def full():
    return RBM(
        Bernoulli(5),
        4,
        PersistentChain(7, 3, name="fantasy"),
        centered=False,
        inverse_temperature=0.5,
        kernel_initializer=keras.initializers.RandomUniform(seed=2),
        visible_bias_initializer=keras.initializers.Constant(-0.5),
        hidden_bias_initializer=keras.initializers.Constant(0.25),
        kernel_regularizer=keras.regularizers.L1L2(1e-3, 1e-2),
        kernel_constraint=keras.constraints.MaxNorm(1.5),
        hidden_activity_regularizer=SquaredSparsity(0.2, 3.0),
        seed=2**63 + 5,
        missing=FreshCompletion(3),
        name="machine",
        dtype="mixed_bfloat16",
    )


def plain():
    return RBM(5, 4, seed=1)


@pytest.mark.parametrize("build", [full, plain])
def test_config_round_trip(build):
    model = build()
    copy = RBM.from_config(config(model))
    assert config(copy) == config(model)
    assert copy.name == model.name
    assert copy.dtype_policy.name == model.dtype_policy.name
    assert type(copy.chain) is type(model.chain)
    # The same seeds and initializers give the same start.
    for x, y in zip(model.variables, copy.variables, strict=True):
        np.testing.assert_array_equal(x.numpy(), y.numpy())
    again = RBM.from_config(model.get_config())
    assert config(again) == config(model)


def test_everything_in_the_config_counts():
    first, second = config(full()), config(RBM(3, 2, seed=1, name="other"))
    assert first.keys() == second.keys()
    for name in first.keys() - {"trainable"}:
        assert first[name] != second[name], name


def test_a_frozen_model_stays_frozen(tmp_path):
    model = RBM(5, 4, seed=1, trainable=False)
    assert model.trainable_variables == []
    copy = reload(model, tmp_path)
    assert copy.trainable_variables == []


def test_a_frozen_model_keeps_its_optimizer(tmp_path):
    model = trained_with(PersistentChain(7))
    model.trainable = False
    again = reload(model, tmp_path)  # Any warning is an error.
    for one in (model, again):
        one.trainable = True
        train(one)
    assert_same_states(model, again)


def test_within_another_model(tmp_path):
    model = keras.Sequential([RBM(5, 4, seed=1), keras.layers.Dense(2)])
    model.layers[0].adapt(data())
    model.compile("sgd", "mse")
    model.build((None, 5))
    copy = reload(model, tmp_path)
    assert_same_states(model, copy)
    np.testing.assert_array_equal(copy(data()), model(data()))


def test_clone_within_another_model():
    model = keras.Sequential([RBM(5, 4, seed=1), keras.layers.Dense(2)])
    model.build((None, 5))
    clone = keras.models.clone_model(model)
    assert config(clone.layers[0]) == config(model.layers[0])
    assert clone.layers[0].kernel is not model.layers[0].kernel


# Rows with missing entries.


def test_free_energies_and_hidden_means():
    model = rbm(made_up_rows.ORACLE)
    logs, h = made_up_rows.expected_rows(made_up_rows.ROWS)
    np.testing.assert_allclose(
        model.free_energy(made_up_rows.ROWS), -logs, rtol=1e-5
    )
    np.testing.assert_allclose(
        model.predict_hidden(made_up_rows.ROWS), h, rtol=1e-4
    )
    np.testing.assert_allclose(model(made_up_rows.ROWS), h, rtol=1e-4)
    np.testing.assert_allclose(
        model.predict(made_up_rows.ROWS, verbose=0), h, rtol=1e-4
    )
    with pytest.raises(ValueError, match="`start` must hold"):
        model.sample(start=made_up_rows.ROWS)
    with pytest.raises(ValueError, match="must hold"):
        model.predict(batches(made_up_rows.ROWS.astype("float32")), verbose=0)


def test_means_by_sampling(monkeypatch):
    model = rbm(made_up_rows.ORACLE)
    monkeypatch.setattr(
        likelihood, "exact_rows", lambda machine, v: np.zeros(len(v), bool)
    )
    rows = np.repeat(made_up_rows.ROWS[1:], 200, axis=0)
    found = np.asarray(model.predict_hidden(rows)).reshape(3, 200, 4)
    _, h = made_up_rows.expected_rows(made_up_rows.ROWS[1:])
    assert_means(found, h, axis=1, errors=5.0)


def test_the_surprise_of_each_entry(monkeypatch):
    model = rbm(made_up_rows.ORACLE)
    expected = np.full(made_up_rows.ROWS.shape, np.nan)
    for (row, column), value in np.ndenumerate(made_up_rows.ROWS):
        if not np.isnan(value):
            rest = made_up_rows.ROWS[row : row + 1].copy()
            rest[0, column] = np.nan
            whole, _ = made_up_rows.expected_rows(
                made_up_rows.ROWS[row : row + 1]
            )
            other, _ = made_up_rows.expected_rows(rest)
            expected[row, column] = other[0] - whole[0]
    found = model.surprise(made_up_rows.ROWS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    pseudo = model.pseudo_log_likelihood(made_up_rows.ROWS[:1])
    np.testing.assert_allclose(-found[:1].sum(axis=1), pseudo, rtol=1e-4)
    monkeypatch.setattr(made_up_rows.observed_lib, "MAX_HIDDEN_STATES", 0)
    np.testing.assert_allclose(
        model.surprise(made_up_rows.ROWS), expected, rtol=1e-5
    )
    monkeypatch.setattr(made_up_rows.observed_lib, "MAX_MISSING_STATES", 1)
    with pytest.raises(ValueError, match="surprise of an entry needs"):
        model.surprise(made_up_rows.ROWS)


def test_the_surprise_of_rows_with_many_states_in_all(monkeypatch):
    """One unit alone has few states to sum over; all rows have too many."""
    model = rbm(made_up_rows.ORACLE)
    rows = np.where(np.eye(5) == 1, [1.0, 0, 1, 1, 0], np.nan)
    expected = model.surprise(rows)
    monkeypatch.setattr(made_up_rows.observed_lib, "MAX_HIDDEN_STATES", 0)
    monkeypatch.setattr(made_up_rows.observed_lib, "MAX_ALL_STATES", 32)
    assert not likelihood.exact_rows(model.machine(), rows).all()
    np.testing.assert_allclose(model.surprise(rows), expected, rtol=1e-5)


def test_batches_may_be_trained_on_one_by_one():
    x = data(12)
    model = RBM(5, 4, seed=0)
    model.compile(run_eagerly=True)  # With `AutoSGD`, which `fit` starts.
    before = model.kernel.numpy()
    logs = model.train_on_batch(x, return_dict=True)
    assert np.isfinite(logs["loss"])
    assert (model.kernel.numpy() != before).any()
    assert int(model.updates.numpy()) == 1
    missing = np.where(np.arange(5) == 1, np.nan, x)
    for method in (model.train_on_batch, model.test_on_batch):
        for wrong, match in (
            (missing, "NaN"),
            (x[:, :4], "5"),
            (x + 2, "0 to"),
        ):
            with pytest.raises(ValueError, match=match):
                method(wrong)
        for weight in ([1.0, np.nan, *10 * [1.0]], -np.ones(12), np.ones(3)):
            with pytest.raises(ValueError, match=r"`sample_weight` must h.*Re"):
                method(x, sample_weight=weight)
    assert int(model.updates.numpy()) == 1
    logs = model.test_on_batch(x, None, [1.0] + 11 * [0.0], return_dict=True)
    expected = model.test_on_batch(x[:1], return_dict=True)
    assert logs["cross_entropy"] == pytest.approx(expected["cross_entropy"])
    assert np.isfinite(model.test_on_batch(x, return_dict=True)["loss"])
    # After a `fit`, whose rate has fallen to 0.
    model.fit(x, batch_size=6, epochs=1, verbose=0)
    before = model.kernel.numpy()
    model.train_on_batch(x)
    assert np.abs(model.kernel.numpy() - before).max() > 1e-3
    assert float(model.optimizer.l2) == 0
    # A run that goes on has its penalty again.
    model.fit(x, batch_size=6, epochs=2, initial_epoch=1, verbose=0)
    assert float(model.optimizer.l2) > 0
    with pytest.raises(ValueError, match="`class_weight` must be left out"):
        model.train_on_batch(x, None, None, {0: 1.0})


def test_batches_of_small_weights_are_evaluated_with_their_own_draws(
    monkeypatch,
):
    model = RBM(5, 4, seed=0)
    model.compile(run_eagerly=True)
    keys, samples = [], model.chain.samples

    def watched(machine, v, stream):
        keys.append(tuple(stream.key.numpy()))
        return samples(machine, v, stream)

    monkeypatch.setattr(model.chain, "samples", watched)
    x = data(12)
    weight = np.full(12, 1 / 12)
    model.evaluate(x, batch_size=4, sample_weight=weight, verbose=0)
    assert len(set(keys)) == 3


def test_chains_that_were_started_from_rows_are_kept_by_the_first_fit():
    rows = np.tile([1.0, 1, 0, 0, 1], (6, 1))

    class First(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            found.append(self.model.chain.particles.numpy())

    found = []
    for begin in (lambda m: m.start_chain(rows), lambda m: None):
        model = RBM(5, 4, PersistentChain(6), seed=0)
        model.kernel.assign(100 * np.eye(5, 4))
        model.hidden_params["bias"].assign([-50.0] * 4)
        begin(model)
        model.compile("sgd", run_eagerly=True)
        model.fit(data(), epochs=1, verbose=0, callbacks=[First()])
    # Hidden states are kept, here copies of visible ones.
    np.testing.assert_array_equal(found[0], rows[:, :4])
    assert (found[1] != rows[:, :4]).any()
    for wrong, match in (
        (rows[:, :4], "5"),
        (np.full((6, 5), np.nan), "NaN"),
        (rows[:5], "a row for each of the 6 chains"),
    ):
        with pytest.raises(ValueError, match=match):
            model.start_chain(wrong)
    # The user's array may change; without persistent chains, nothing starts.
    model = RBM(5, 4, PersistentChain(6), seed=0)
    model.start_chain(rows)
    rows[:] = 0
    assert (model._start != rows).any()
    RBM(5, 4, ContrastiveDivergence(), seed=0).start_chain(rows)
