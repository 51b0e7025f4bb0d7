import keras
import numpy as np
import pytest

import keras_rbm
from keras_rbm import RBM, Gaussian, SpectralBound, averaged_weights
from keras_rbm.models.weights import warn_of_dead_units
from keras_rbm.networks import DeepBeliefNetwork
from tests.machines import data, oracle_of, rbm, rounding
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
MOMENTUM = 0.8


def trainable(model):
    return [variable.numpy() for variable in model.trainable_variables]


def assert_equal(first, second):
    for x, y in zip(first, second, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.fixture
def model():
    model = rbm(ORACLE)
    model.compile(
        keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=MOMENTUM),
        run_eagerly=True,
    )
    return model


@pytest.fixture
def average(model):
    """What the weights of four updates average to."""
    average = None
    for batch in np.split(data(), 4):
        model.train_on_batch(batch)
        weights = trainable(model)
        average = [
            MOMENTUM * a + (1 - MOMENTUM) * w
            for a, w in zip(average or weights, weights, strict=True)
        ]
    return average


def test_weights_are_averaged_within_and_restored_after(model, average):
    raw = trainable(model)
    with averaged_weights(model):
        within = trainable(model)
    for x, y, z in zip(within, average, raw, strict=True):
        np.testing.assert_allclose(x, y, atol=rounding("float32", 3.0, 8))
        assert (x != z).any()
    assert_equal(trainable(model), raw)


def test_weights_are_restored_after_an_error(model, average):
    raw = trainable(model)
    with pytest.raises(KeyError), averaged_weights(model):
        raise KeyError
    assert_equal(trainable(model), raw)


def test_evaluate_can_use_either(model, average):
    before = [variable.numpy() for variable in model.variables]
    plain = model.evaluate(data(), verbose=0, return_dict=True)
    with averaged_weights(model):
        averaged = model.evaluate(data(), verbose=0, return_dict=True)
    assert_equal([variable.numpy() for variable in model.variables], before)

    kernel, visible_bias, hidden_bias = average
    errors = []
    for oracle, actual in (
        (oracle_of(model), plain),
        (Oracle(kernel, visible_bias, hidden_bias), averaged),
    ):
        mean = oracle.visible_mean(oracle.hidden_mean(data()))
        errors.append(np.square(data() - mean).mean())
        assert actual["reconstruction_error"] == pytest.approx(
            errors[-1], abs=rounding("float32", 1.0, 50)
        )
    # Which is not the same.
    assert abs(errors[0] - errors[1]) > rounding("float32", 1.0, 500)


def test_the_average_of_an_optimizer_that_scales_the_loss():
    inner = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=MOMENTUM)
    model = rbm(ORACLE)
    model.compile(
        keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0),
        run_eagerly=True,
    )
    for batch in np.split(data(), 4):
        model.train_on_batch(batch)
    raw = trainable(model)
    with averaged_weights(model):
        assert any(
            (x != y).any() for x, y in zip(trainable(model), raw, strict=True)
        )
    assert_equal(trainable(model), raw)


def test_fit_validates_with_the_average_and_ends_with_it(model):
    seen = []

    class Weights(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((trainable(self.model), dict(logs)))

    history = model.fit(
        data(),
        epochs=2,
        batch_size=24,
        verbose=0,
        validation_data=data(),
        callbacks=[Weights()],
    ).history
    within, logs = seen[-1]
    # What the callback saw last were the weights themselves.
    assert any(
        (x != y).any() for x, y in zip(within, trainable(model), strict=True)
    )
    again = model.evaluate(data(), verbose=0, return_dict=True)
    for name in ("reconstruction_error", "cross_entropy", "hidden_activity"):
        assert logs[f"val_{name}"] == history[f"val_{name}"][-1]
        assert logs[f"val_{name}"] == pytest.approx(again[name], rel=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", None])
def test_without_an_average_nothing_happens(optimizer):
    model = rbm(ORACLE)
    if optimizer is not None:
        model.compile(optimizer, run_eagerly=True)
        model.train_on_batch(data())
    raw = trainable(model)
    with averaged_weights(model):
        assert_equal(trainable(model), raw)
    assert_equal(trainable(model), raw)


def test_before_the_first_update_nothing_happens(model):
    model.optimizer.build(model.trainable_variables)
    raw = trainable(model)
    with averaged_weights(model):
        assert_equal(trainable(model), raw)
    model.evaluate(data(), verbose=0)
    assert_equal(trainable(model), raw)


@pytest.mark.parametrize("rate", [1.0, 4.0])
def test_averages_keep_to_the_constraints(rate):
    """Keras averages before it projects: an average can lie outside."""
    model = RBM(
        Gaussian(4, minimum_precision=0.5),
        Gaussian(3, precision=2.0),
        kernel_constraint=SpectralBound(0.9),
        seed=0,
    )
    optimizer = keras.optimizers.SGD(rate, use_ema=True, ema_momentum=0.5)
    model.compile(optimizer, run_eagerly=True)
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            with averaged_weights(model):
                assert_inside()

    def assert_inside():
        assert np.linalg.norm(model.kernel.numpy(), 2) < 0.9
        assert model.visible_params["precision"].numpy().min() >= 0.5

    model.fit(x, epochs=3, batch_size=20, verbose=0, callbacks=[Look()])
    assert_inside()
    assert model.log_partition().trusted


@pytest.mark.parametrize("name", ["rbm.h5", "rbm", "rbm.tf", "rbm.keras.zip"])
def test_other_formats_than_keras_are_refused_and_leave_nothing(tmp_path, name):
    model = keras_rbm.RBM(5, 4, seed=0)
    path = tmp_path / name
    with pytest.raises(ValueError, match=r"must end in \.keras.*filepath="):
        model.save(path)
    with pytest.raises(ValueError, match=r"must end in \.keras"):
        DeepBeliefNetwork([model]).save(path)
    assert not list(tmp_path.iterdir())
    path.write_text("mine")
    with pytest.raises(ValueError, match=r"must end in \.keras"):
        model.save(str(path))
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("means", "cause"),
    [
        (np.zeros((100, 20)), "lower the learning rate"),
        (np.ones((100, 20)), "lower the learning rate"),
        (
            0.5 + 1e-4 * np.random.default_rng(0).standard_normal((100, 20)),
            "raise the learning rate",
        ),
    ],
)
def test_features_that_hardly_vary_are_warned_of(means, cause):
    with pytest.warns(UserWarning, match=rf"layer-1 hardly vary.*{cause}"):
        warn_of_dead_units(means, "layer-1")


def test_features_that_vary_are_no_cause_for_a_warning():
    means = np.zeros((100, 20))
    means[:50, :3] = 1.0  # Sparse ones.
    warn_of_dead_units(means, "layer-1")
    warn_of_dead_units(np.zeros((5, 20)), "few examples")


@pytest.mark.parametrize("centered", [True, False])
def test_rows_add_up_and_show_shapes(centered):
    rbm = keras_rbm.RBM(
        64, 32, keras_rbm.PersistentChain(7), centered=centered, seed=0
    )
    text = []
    rbm.summary(print_fn=text.append)
    lines = "\n".join(text).splitlines()
    rows = [
        line.split("  ") for line in lines if line.endswith((" yes", " no"))
    ]
    rows = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    counts = [int(row[2].replace(",", "")) for row in rows]
    learned = [
        n for n, row in zip(counts, rows, strict=True) if row[4] == "yes"
    ]
    assert sum(counts) == rbm.count_params()
    assert sum(learned) == 64 * 32 + 64 + 32
    whats = {row[0]: (row[1], row[3]) for row in rows}
    assert whats["kernel"] == ("(64, 32)", "W, the couplings")
    assert whats["visible_bias"] == ("(64,)", "bias of the visible units")
    centre = ("(32,)", "centre of the hidden units") if centered else None
    assert whats.get("offsets/hidden") == centre
    assert "-" not in [what for _, what in whats.values()]
    assert f"Total params: {rbm.count_params():,} (" in "\n".join(lines)
    assert "Trainable params: 2,144 (8,576 bytes)" in lines


def test_stacks_and_optimizers_are_counted(capsys):
    network = DeepBeliefNetwork([keras_rbm.RBM(6, 4), keras_rbm.RBM(4, 3)])
    network.summary()
    assert (
        f"Total params: {network.count_params():,}" in capsys.readouterr().out
    )
    rbm = network.rbms[0]
    rbm.compile(keras.optimizers.Adam())
    rbm.optimizer.build(rbm.trainable_variables)
    rbm.summary()
    assert "Optimizer params: " in capsys.readouterr().out
