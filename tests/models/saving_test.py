"""A model saved, loaded and trained further is the model, to the last bit."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    Bernoulli,
    ContrastiveDivergence,
    FreshCompletion,
    PersistentChain,
    SquaredSparsity,
)
from tests.machines import assert_same_states, data, states_of

CHAINS = {
    "cd": lambda: ContrastiveDivergence(2),
    "pcd": lambda: PersistentChain(7, 2),
}


def trained(chain, centered=True, run_eagerly=True, **kwargs):
    model = RBM(5, 4, chain, centered, seed=3, **kwargs)
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)
    optimizer = keras.optimizers.SGD(schedule, momentum=0.5, use_ema=True)
    # Eagerly where the compiler is not what is tested: it takes its time.
    model.compile(optimizer, run_eagerly=run_eagerly)
    return train(model)


def train(model):
    model.fit(data(), batch_size=16, epochs=2, verbose=0, shuffle=False)
    return model


def config(model):
    """The configuration as a file holds it."""
    return json.loads(json.dumps(model.get_config()))


def reload(model, path):
    model.save(path / "model.keras")
    return keras.saving.load_model(path / "model.keras")


@pytest.mark.parametrize(
    ("chain", "centered", "run_eagerly"),
    [
        ("cd", True, True),
        pytest.param("cd", False, True, marks=pytest.mark.slow),
        pytest.param("pcd", True, True, marks=pytest.mark.slow),
        ("pcd", False, True),
        ("pcd", True, False),
    ],
)
def test_saved_and_loaded_it_trains_on_alike(
    tmp_path, chain, centered, run_eagerly
):
    model = trained(CHAINS[chain](), centered, run_eagerly)
    copy = reload(model, tmp_path)
    assert_same_states(model, copy)
    assert config(copy) == config(model)
    assert int(copy.updates) == int(model.updates) == 6
    assert copy.optimizer.get_config() == model.optimizer.get_config()
    assert copy.run_eagerly == run_eagerly
    assert copy.jit_compile == model.jit_compile

    before = states_of(model)
    history = model.fit(
        data(), batch_size=16, epochs=1, verbose=0, shuffle=False
    )
    again = copy.fit(data(), batch_size=16, epochs=1, verbose=0, shuffle=False)
    assert history.history == again.history
    assert_same_states(model, copy)
    assert any(
        (x != y).any() for x, y in zip(before, states_of(model), strict=True)
    )


def test_loaded_it_answers_alike(tmp_path):
    model = trained(PersistentChain(7), inverse_temperature=0.7)
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
    model = trained(PersistentChain(7, 2))
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
    model = trained(PersistentChain(7))
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
    model = trained(PersistentChain(7))
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


def test_export_for_serving(tmp_path):
    model = plain()
    model.adapt(data())
    model(data())
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(
        served.serve(data()), model(data()), rtol=4 * np.finfo("float32").eps
    )
