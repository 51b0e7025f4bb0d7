"""Greedy training, held against the same done by hand."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    AutoSGD,
    DeepBeliefNetwork,
    PersistentChain,
    data,
)
from keras_rbm import machine as machine_lib
from keras_rbm.networks import (
    LowerLayers,
    pretraining,
    tie,
)
from tests import machines
from tests.machines import assert_same_states, batches, rounding
from tests.machines import data as made_up
from tests.oracle import Oracle, all_states

X = made_up(48)
ORACLE = Oracle.draw(5, 4, seed=1)
ARGUMENTS = {
    "epochs": [2, 1],
    "learning_rate": [0.5, 0.2],
    "batch_size": 24,
    "verbose": 0,
}


COMPILE = pretraining._compile


@pytest.fixture(autouse=True)
def eagerly(monkeypatch):
    """Faster than compilations, for a few updates."""

    def compile(rbm, optimizer, rate, steps, epochs):
        rate = rate(steps * epochs) if callable(rate) else rate
        rbm.compile(optimizer(learning_rate=rate), run_eagerly=True)

    monkeypatch.setattr(pretraining, "_compile", compile)


def network():
    chain = PersistentChain(8)
    return DeepBeliefNetwork([RBM(5, 4, chain, seed=1), RBM(4, 5, seed=2)])


@functools.cache
def by_hand(states="means"):
    first, second = network().rbms
    x = data.batches(X, 24, seed=7)
    first.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    first.fit(x, epochs=2, steps_per_epoch=2, verbose=0)
    second.compile(keras.optimizers.SGD(0.2), run_eagerly=True)
    second.fit(
        LowerLayers([first], states, seed=7).batches(x),
        epochs=1,
        steps_per_epoch=2,
        verbose=0,
    )
    return DeepBeliefNetwork([first, second])


@pytest.mark.parametrize(
    ("x", "states"),
    [(X, "means"), (data.batches(X, 24, seed=7), "draws")],
)
def test_each_layer_learns_what_the_one_below_makes_of_the_data(x, states):
    model = network()
    histories = model.pretrain(
        x, states=states, seed=7, steps_per_epoch=2, **ARGUMENTS
    )
    assert_same_states(model, by_hand(states))
    assert [len(history.epoch) for history in histories] == [2, 1]


@pytest.mark.slow
def test_a_data_set_with_an_end_is_begun_anew_at_each_epoch():
    first, second = network(), network()
    order = {**ARGUMENTS, "epochs": 2}
    first.pretrain(batches(X), **order)
    second.pretrain(batches(X).repeat(), steps_per_epoch=3, **order)
    assert_same_states(first, second)


@pytest.mark.parametrize(
    "x", [data.batches(X, 24), batches(X, size=24)], ids=["endless", "finite"]
)
def test_penalties_of_upper_layers(x, monkeypatch):
    """`AutoSGD` divides a penalty by the number of examples."""
    monkeypatch.setattr(
        pretraining,
        "_compile",
        lambda rbm, *_: rbm.compile(AutoSGD(l2=4.8), run_eagerly=True),
    )
    model = network()
    model.pretrain(x, epochs=1, steps_per_epoch=2, verbose=0)
    found = [float(rbm.optimizer.l2) for rbm in model.rbms]
    np.testing.assert_allclose(found, [0.1, 0.1], rtol=1e-6)


def test_finished_layers_are_loaded_and_the_others_trained(tmp_path):
    class Stop(Exception):
        pass

    def stop(layer):
        if layer == 2:
            raise Stop
        return []

    model = network()
    arguments = {**ARGUMENTS, "seed": 7, "directory": tmp_path}
    with pytest.raises(Stop):
        model.pretrain(X, callbacks=stop, **arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["layer-1.keras"]
    model = network()
    histories = model.pretrain(X, **arguments)
    assert histories[0] is None
    assert histories[1].epoch == [0]
    assert_same_states(model, by_hand())
    again = network()
    assert again.pretrain(X, **arguments) == [None, None]
    assert_same_states(again, model)
    loaded = keras.models.load_model(tmp_path / "layer-2.keras")
    assert_same_states(loaded, model.rbms[1])


@pytest.mark.slow
def test_each_layer_has_callbacks_and_a_folder_of_its_own(tmp_path):
    seen = []

    class See(keras.callbacks.Callback):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def on_epoch_end(self, epoch, logs=None):
            seen.append((self.layer, epoch, set(logs)))

    model = network()
    model.pretrain(
        X,
        callbacks=lambda layer: [See(layer)],
        validation_data=X[:10],
        log_dir=tmp_path,
        **ARGUMENTS,
    )
    assert [entry[:2] for entry in seen] == [(1, 0), (1, 1), (2, 0)]
    assert all("val_reconstruction_error" in entry[2] for entry in seen)
    for layer in (1, 2):
        for run in ("train", "validation"):
            assert any((tmp_path / f"layer-{layer}" / run).iterdir())
    shared = See(0)
    network().pretrain(X, callbacks=[shared], **ARGUMENTS)
    assert [entry[:2] for entry in seen[3:]] == [(0, 0), (0, 1), (0, 0)]


@pytest.mark.slow
def test_validation_data_go_up_too():
    errors = []
    for validation in (X[:10], batches(X[:10], size=10)):
        model = network()
        histories = model.pretrain(
            X, validation_data=validation, seed=7, **ARGUMENTS
        )
        errors.append(histories[1].history["val_reconstruction_error"])
    first, second = model.rbms
    h = np.asarray(first.predict_hidden(X[:10]))
    expected = second.evaluate(h, verbose=0, return_dict=True)
    np.testing.assert_allclose(
        errors,
        [[expected["reconstruction_error"]]] * 2,
        rtol=rounding("float32", 1.0, operations=100),
    )


@pytest.mark.slow
def test_kept_in_memory_the_data_are_the_same():
    """But for rounding, which a batch's shape may change."""
    streamed, kept = network(), network()
    grey = (X + 0.5) / 2
    for model, cache in ((streamed, False), (kept, True)):
        model.pretrain(grey, cache=cache, seed=7, **ARGUMENTS)
    for x, y in zip(streamed.variables, kept.variables, strict=True):
        np.testing.assert_allclose(
            x, y, atol=rounding("float32", 1.0, operations=1000)
        )


def test_a_tied_layer_starts_from_the_one_below():
    model = network()
    rates = {**ARGUMENTS, "learning_rate": [0.5, 1e-30]}
    model.pretrain(X, tied=True, **rates)
    first, second = model.rbms
    np.testing.assert_array_equal(second.kernel, first.kernel.numpy().T)
    np.testing.assert_array_equal(
        second.visible_params["bias"], first.hidden_params["bias"]
    )
    untied = network()
    untied.pretrain(X, **rates)
    assert (untied.rbms[1].kernel.numpy() != second.kernel.numpy()).any()


@pytest.mark.slow
def test_one_bar_goes_over_all_layers(capsys):
    network().pretrain(X, **{**ARGUMENTS, "verbose": 1})
    printed = capsys.readouterr().out
    assert "6/6" in printed  # 2 updates in each of 3 epochs.
    assert printed.count("\n") == 1
    assert "layer: 2" in printed
    network().pretrain(X, **ARGUMENTS)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"epochs": [1, 2, 3]}, "`epochs` must be one value, or a list of 2"),
        ({"epochs": 0}, "`epochs` must be a positive integer"),
        ({"learning_rate": [0.1]}, "`learning_rate` must be one value"),
        ({"states": "samples"}, "`states` must be one of"),
        ({"batch_size": 49}, "`batch_size`"),
        ({"optimizer": "adam"}, "`optimizer` must be a function"),
        ({"binarize": "half"}, "`binarize`"),
        ({"x": X[:, :4]}, "shape"),
        ({"x": batches(X), "cache": True}, "`cache` and `binarize` are for"),
        (
            {"x": batches(X).repeat(), "steps_per_epoch": None},
            "`steps_per_epoch` must say",
        ),
    ],
)
def test_bad_arguments_are_refused(kwargs, message):
    arguments = {"x": X, "batch_size": 16, "epochs": 1, "verbose": 0, **kwargs}
    with pytest.raises(ValueError, match=message):
        network().pretrain(**arguments)


def test_a_layer_is_not_put_on_one_that_it_has_not_learned_from(tmp_path):
    arguments = {**ARGUMENTS, "directory": tmp_path}
    network().pretrain(X, **arguments)
    (tmp_path / "layer-1.keras").unlink()
    with pytest.raises(ValueError, match=r"layer-1\.keras is missing"):
        network().pretrain(X, **arguments)


@pytest.fixture
def rated():
    """A function that pretrains a network with a scheduled rate.

    It returns the network, and the numbers of updates for which a schedule was
    made. The batches have 16, 16 and 8 examples.
    """
    x = tf.data.Dataset.from_tensor_slices(X[:40]).batch(16)

    def pretrained():
        rates = []

        def rate(updates):
            rates.append(updates)
            return keras.optimizers.schedules.PolynomialDecay(0.5, updates, 0.0)

        model = network()
        model.pretrain(
            x, **{**ARGUMENTS, "epochs": [2, 1], "learning_rate": rate}
        )
        return model, rates

    return pretrained


def test_a_rate_of_the_run_and_a_smaller_last_batch(rated):
    model, rates = rated()
    assert rates == [6, 3]
    assert [int(rbm.updates) for rbm in model.rbms] == [6, 3]


@pytest.mark.slow
def test_compiled_layers_learn_as_eager_ones(rated, monkeypatch):
    same, _ = rated()
    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "_compile", COMPILE)
        model, _ = rated()
    for rbm, other in zip(model.rbms, same.rbms, strict=True):
        # Updates of size 0.5 and less, with sums of up to 16 terms.
        np.testing.assert_allclose(
            rbm.kernel, other.kernel, atol=rounding("float32", 1.0, 64)
        )


def test_the_law_of_what_is_between_stays_the_same():
    """p(h) of the lower machine is p(v) of the upper one."""
    lower, upper = machines.rbm(ORACLE), RBM(4, 5, seed=1)
    upper.data_mean.assign(np.linspace(0.1, 0.4, 4))
    assert tie(lower, upper)
    h = all_states(4).astype("float32")
    turned = machine_lib.flip(lower.machine())
    np.testing.assert_allclose(
        upper.free_energy(h),
        machine_lib.free_energy(turned, h),
        atol=rounding("float32", 20.0, operations=10),
    )
    # The offsets fit the new parameters.
    np.testing.assert_allclose(
        upper.offsets.hidden,
        upper.predict_hidden(np.linspace(0.1, 0.4, 4)[None])[0],
        atol=rounding("float32", 1.0, operations=10),
    )


def test_other_shapes_and_temperatures_are_left_alone():
    lower = machines.rbm(ORACLE)
    for upper in (
        RBM(4, 6, seed=1),
        RBM(4, 5, seed=1, inverse_temperature=ORACLE.beta + 1),
    ):
        before = upper.kernel.numpy()
        assert not tie(lower, upper)
        np.testing.assert_array_equal(upper.kernel, before)
