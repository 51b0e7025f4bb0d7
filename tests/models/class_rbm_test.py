"""A class RBM, against enumeration of binary units with one-hot labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, Chain, ClassRBM, PersistentChain, likelihood, units
from keras_rbm.models import class_rbm
from tests import made_up_rows
from tests.machines import (
    Parts,
    assert_means,
    assert_same_states,
    batches,
    data,
    oracle_of,
    weights,
)
from tests.oracle import Oracle, all_states

FEATURES, CLASSES, HIDDEN = 4, 3, 3
ORACLE = Oracle.draw(FEATURES + CLASSES, HIDDEN, seed=0, scale=1.5)
X = data(24, FEATURES)
Y = np.random.default_rng(2).integers(0, CLASSES, 24)
ROWS = np.concatenate([X, np.eye(CLASSES, dtype="float32")[Y]], axis=1)
# In float64: sums of a few hundred numbers up to 20.
ERROR = 500 * 20 * np.finfo("float64").eps


@keras.saving.register_keras_serializable("keras_rbm_tests")
class GivenRows(Chain):
    """Samples of the model that are given beforehand."""

    v_model = ROWS[::2]

    def advance(self, machine, v_data, stream):
        return tf.constant(self.v_model, v_data.dtype)

    samples = advance


def model_of(oracle=ORACLE, generative=0.0, discriminative=1.0, **kwargs):
    """A model in float64 with the oracle's parameters, run eagerly."""
    chain = GivenRows() if generative else None
    model = ClassRBM(
        FEATURES,
        CLASSES,
        HIDDEN,
        generative_weight=generative,
        discriminative_weight=discriminative,
        inverse_temperature=oracle.beta,
        seed=0,
        **{"chain": chain, "dtype": "float64", "centered": False, **kwargs},
    )
    model.kernel.assign(oracle.kernel)
    model.visible_params["bias"].assign(oracle.visible_bias)
    model.hidden_params["bias"].assign(oracle.hidden_bias)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


def all_rows(x):
    """Each example with each class, `(examples * classes, width)`."""
    labels = np.tile(np.eye(CLASSES), (len(x), 1))
    return np.concatenate([np.repeat(x, CLASSES, axis=0), labels], axis=1)


def probabilities(oracle, x):
    """p(y | x) from the free energies of (x, y), by their definition."""
    p = np.exp(-oracle.free_energy(all_rows(x))).reshape(-1, CLASSES)
    return p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_the_law_of_the_label_is_exact(beta):
    oracle = Oracle(
        ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias, beta
    )
    model = model_of(oracle)
    x = all_states(FEATURES)
    found = model.class_probabilities(x)
    np.testing.assert_allclose(found, probabilities(oracle, x), rtol=ERROR)
    np.testing.assert_array_equal(model.classify(x), found.argmax(axis=1))
    assert found.std(axis=0).max() > 0.03


def test_any_hidden_units_will_do():
    """p(y | x) of free energies, which other tests have enumerated."""
    model = ClassRBM(units.Softmax(2, 2), CLASSES, units.Softmax(2, 3), seed=1)
    model.kernel.assign(np.random.default_rng(0).normal(size=(7, 6)))
    x = np.array([[0, 1, 1, 0], [1, 0, 1, 0]], "float32")
    p = np.exp(-np.asarray(model.free_energy(all_rows(x)), "float64"))
    p = p.reshape(2, CLASSES)
    # float32: a few operations on free energies up to 10.
    np.testing.assert_allclose(
        model.class_probabilities(x),
        p / p.sum(axis=1, keepdims=True),
        rtol=100 * np.finfo("float32").eps,
    )


def test_many_examples_come_in_blocks_of_one_size(monkeypatch):
    model = model_of()
    monkeypatch.setattr(class_rbm, "_MOST_ROWS", 7)
    before = class_rbm._compiled_law.experimental_get_tracing_count()
    whole = model.class_probabilities(X)
    for count in (1, 2, 6, 7, 8, 23):
        part = model.class_probabilities(X[:count])
        np.testing.assert_allclose(part, whole[:count], rtol=ERROR)
    after = class_rbm._compiled_law.experimental_get_tracing_count()
    assert after == before + 1


def test_a_block_is_of_few_examples_where_there_are_many_classes(monkeypatch):
    sizes = []

    def look(machine, x, num_classes):
        sizes.append(x.shape[0])
        return np.zeros((x.shape[0], num_classes))

    monkeypatch.setattr(class_rbm, "_compiled_law", look)
    for classes, hidden, rows in (
        (10, 1000, 500),
        (1000, 1000, 5),
        (3, 3, 500),
    ):
        model = ClassRBM(4, classes, hidden, seed=0)
        assert model.class_probabilities(X[:12]).shape == (12, classes)
        assert set(sizes) == {rows}
        sizes.clear()


def test_metrics_and_predictions_round_alike():
    """Large weights of a label, beside which bfloat16 loses the features."""
    model = ClassRBM(FEATURES, CLASSES, HIDDEN, seed=0, dtype="mixed_bfloat16")
    kernel = np.random.default_rng(0).normal(size=(FEATURES + CLASSES, HIDDEN))
    kernel[FEATURES] = 300
    model.kernel.assign(kernel)
    bias = -np.logaddexp(0, kernel[FEATURES:]).sum(axis=1)
    model.visible_params["bias"].assign([*np.zeros(FEATURES), *bias])
    model.compile(run_eagerly=True)
    p = model.class_probabilities(X)[np.arange(24), Y]
    figures = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert figures["error"] == pytest.approx((model.classify(X) != Y).mean())
    # float32: free energies of some 1,000 in absolute value.
    rounding = float(10 * 1000 * np.finfo("float32").eps)
    assert figures["conditional_log_likelihood"] == pytest.approx(
        np.log(p).mean(), abs=rounding
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("generative", "discriminative"), [(1.0, 0.0), (0.0, 1.0), (0.3, 0.7)]
)
def test_an_update_follows_the_moments(generative, discriminative, weighted):
    """W += 0.1 (E_data[v h'] - E_model[v h']), and so on for the label."""
    model = model_of(ORACLE, generative, discriminative)
    weight = np.linspace(0, 2, 24) if weighted else np.ones(24)
    model.fit(
        X,
        Y,
        batch_size=24,
        sample_weight=weight,
        epochs=1,
        verbose=0,
        shuffle=False,
    )
    share = weight / 24
    d = ORACLE.moments(ROWS, share)
    own = np.full(len(GivenRows.v_model), share.sum() / len(GivenRows.v_model))
    sampled = ORACLE.moments(GivenRows.v_model, own)
    p = (probabilities(ORACLE, X) * share[:, None]).ravel()
    predicted = ORACLE.moments(all_rows(X), p)
    start = ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias
    for found, x, positive, negative, other in zip(
        weights(model), start, d, sampled, predicted, strict=True
    ):
        slope = generative * (positive - negative)
        slope = slope + discriminative * (positive - other)
        np.testing.assert_allclose(found, x + 0.1 * slope, atol=ERROR)


@pytest.mark.parametrize("generative", [0.0, 0.3])
def test_the_objective_is_what_is_reported(generative):
    model = model_of(ORACLE, generative)
    figures = model.evaluate(X, Y, verbose=0, return_dict=True)
    p = probabilities(ORACLE, X)
    own = np.log(p[np.arange(24), Y]).mean()
    gap = (
        ORACLE.free_energy(ROWS).mean()
        - ORACLE.free_energy(GivenRows.v_model).mean()
    )
    rounding = 1e-5  # Keras keeps the means in float32.
    for name, expected in (
        ("conditional_log_likelihood", own),
        ("error", (p.argmax(axis=1) != Y).mean()),
        ("loss", generative * gap - own),
    ):
        np.testing.assert_allclose(figures[name], expected, rtol=rounding)
    assert 0 < figures["error"] < 1


def test_without_labels_their_metrics_are_undefined():
    model = model_of(ORACLE, 0.2)
    for labels, is_nan in ((np.full(6, -1), True), ([2, *5 * [-1]], False)):
        logs = model.evaluate(X[:6], labels, verbose=0, return_dict=True)
        assert np.isfinite(logs["loss"])
        for name in ("error", "conditional_log_likelihood"):
            assert np.isnan(logs[name]) == is_nan


def test_the_generative_one_is_an_rbm_of_joined_rows():
    kwargs = {"seed": 3, "kernel_regularizer": keras.regularizers.L2(0.01)}
    model = ClassRBM(
        FEATURES,
        CLASSES,
        HIDDEN,
        generative_weight=1,
        discriminative_weight=0,
        chain=PersistentChain(10),
        **kwargs,
    )
    visible = units.Composite(
        [units.Bernoulli(FEATURES), units.Softmax(1, CLASSES)]
    )
    rbm = RBM(visible, HIDDEN, chain=PersistentChain(10), **kwargs)
    for one in (model, rbm):
        one.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        one.fit(ROWS, batch_size=12, epochs=1, verbose=0, shuffle=False)
    assert_same_states(model, rbm)


def test_without_samples_no_chain_is_run():
    model = model_of(chain=None, centered=True)
    assert model.fantasy_particles is None
    model.fit(X, Y, batch_size=12, epochs=1, verbose=0)
    assert np.isfinite(weights(model)[0]).all()
    with pytest.raises(ValueError, match=r"`chain` must be left out"):
        model_of(chain=PersistentChain(10))


@pytest.mark.parametrize("blocks", [False, True])
def test_what_the_objective_does_not_depend_on_stays(blocks):
    """The precision of features that nothing is to be generated of."""
    model = ClassRBM(
        units.Gaussian(FEATURES), CLASSES, HIDDEN, generative_weight=0, seed=0
    )
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.1, use_ema=True)
    model.compile(
        optimizer, run_eagerly=not blocks, steps_per_execution=1 + blocks
    )
    model.adapt(ROWS)
    before = {name: x.numpy() for name, x in model.visible_params.items()}
    kernel = model.kernel.numpy()
    x = np.random.default_rng(0).normal(size=(24, FEATURES)).astype("float32")
    rows = batches(model.join(x, Y), size=8)
    rows = rows.repeat() if blocks else rows
    model.fit(rows, steps_per_epoch=2, verbose=0)
    (dead,) = (name for name in before if "precision" in name)
    np.testing.assert_array_equal(before[dead], model.visible_params[dead])
    assert (kernel != model.kernel.numpy()).all()
    assert len(optimizer._trainable_variables) == len(model.trainable_variables)


def fitted(*args, **kwargs):
    model = ClassRBM(FEATURES, CLASSES, HIDDEN, seed=3)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    history = model.fit(*args, epochs=1, verbose=0, shuffle=False, **kwargs)
    return model, history.history


@pytest.fixture(scope="module")
def of_rows():
    """A model of rows that hold the labels, and its history."""
    return fitted(ROWS, batch_size=12, validation_data=(ROWS[:14],))


@pytest.mark.parametrize(
    ("args", "validation"),
    [
        ((X, Y), (X[:14], Y[:14])),
        ((X, Y.astype("uint8")), (X[:14], np.eye(CLASSES)[Y[:14]])),
        ((X.astype("bool"), np.eye(CLASSES)[Y]), batches(ROWS[:14], size=12)),
        ((X.astype("uint8"), Y), batches(X[:14], Y[:14], size=12)),
        ((X, Y), (ROWS[:14], None, np.ones(14))),
    ],
)
def test_labels_are_joined_to_the_bit(of_rows, args, validation):
    first, expected = of_rows
    second, history = fitted(*args, batch_size=12, validation_data=validation)
    assert_same_states(first, second)
    assert history == expected
    assert "val_error" in history


@pytest.mark.slow
def test_data_sets_of_labels_are_joined_to_the_bit():
    weight = np.linspace(0, 2, 24)
    plain, _ = fitted(X, Y, batch_size=12)
    weighted, _ = fitted(X, Y, batch_size=12, sample_weight=weight)
    for dataset, first in (
        (batches(X, Y, size=12), plain),
        (batches(X, Y.astype("uint16"), size=12), plain),
        (batches(X, np.eye(CLASSES)[Y], size=12), plain),
        (batches(ROWS, size=12), plain),
        (batches(ROWS, weight, weight, size=12), weighted),
        (batches(X, Y, weight, size=12), weighted),
    ):
        second, _ = fitted(dataset)
        assert_same_states(first, second)


def test_evaluate_takes_labels_and_weights():
    model, _ = fitted(X, Y)
    weight = np.linspace(0, 2, 24)
    expected = model.evaluate(ROWS, sample_weight=weight, verbose=0)
    assert expected == model.evaluate(X, Y, sample_weight=weight, verbose=0)
    dataset = batches(X, Y, weight, size=24)
    np.testing.assert_allclose(
        model.evaluate(dataset, verbose=0), expected, rtol=1e-6
    )


def test_a_callback_evaluates_labels_while_fit_does():
    found = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            found.append(self.model.evaluate(X[:14], Y[:14], verbose=0))
            found.append(self.model.evaluate(ROWS[:14], verbose=0))
            found.append(self.model.evaluate(batches(X, Y), verbose=0))

    _, history = fitted(
        X, Y, callbacks=[Look()], validation_data=(X[:14], Y[:14])
    )
    assert found[0] == found[1] != found[2]
    assert history["val_error"][0] in found[0]


def test_join_makes_rows():
    np.testing.assert_array_equal(model_of().join(X, Y), ROWS)


BAD = [
    (Y[:23], r"shape \(24,\).*y.shape=\(23,\)"),
    (Y + 0.5, "y.dtype=float64"),
    (np.where(np.arange(24) == 5, 3, Y), r"1 of 24 are not.*y\[5\]=3"),
    (Y - 2, r"from 0 to 2.*=-2"),
    (np.where(np.eye(3)[Y] == 0, np.nan, 1.0), "one-hot in every row; 24"),
    (np.full((24, 3), 1 / 3), "one-hot in every row"),
    (np.zeros((24, 3)), "one-hot in every row"),
    (np.eye(4)[Y], r"y.shape=\(24, 4\)"),
    (["a"] * 24, "y.dtype=<U1"),
    (Y[:, None], r"y.shape=\(24, 1\)"),
]


@pytest.mark.parametrize(("y", "message"), BAD)
def test_bad_labels_are_refused(y, message):
    model = model_of()
    before = weights(model)
    for method in (model.fit, model.evaluate, model.join):
        with pytest.raises(ValueError, match=message):
            method(X, y)
    message = message.replace("y", r"validation_data\[1\]", 1)
    with pytest.raises(ValueError, match=r"`validation_data\[1\]` must be"):
        model.fit(X, Y, validation_data=(X, y))
    for x, y in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(x, y)


def unknown_columns(x, *y):
    return (tf.py_function(lambda x: x, [x], x.dtype), *y)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (batches(X, Y + 1, size=24), "labels from 0 to 2.*value: .*, 1, 3$"),
        (batches(X, Y - 2), "labels from 0 to 2, as integers or one-hot"),
        (batches(X, np.full((24, 3), 1 / 3)), "one-hot rows.*0.333"),
        (batches(X, np.where(np.eye(3)[Y] == 0, np.nan, 1)), "one-hot.*nan"),
        (batches(X, Y).map(unknown_columns), "say how many columns .* 4 of"),
        (batches(X, Y.astype("float32")), "labels are integers"),
        (batches(X, np.eye(4)[Y]), "one-hot rows of 3 columns"),
        (batches(X), r"\(examples, 7\)"),
    ],
)
def test_bad_data_sets_are_refused(dataset, message):
    with pytest.raises(ValueError, match=message):
        model_of().fit(dataset)
    with pytest.raises(ValueError, match=message):
        model_of().fit(X, Y, validation_data=dataset)


def test_a_later_batch_of_bad_labels_is_refused():
    # Later than the batches that the mean of the data is taken from.
    dataset = batches(X, Y, size=8).repeat(40)
    dataset = dataset.concatenate(batches(X, Y + 1, size=8))
    model = model_of()
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    with pytest.raises(ValueError, match=r"`x` must have, .* labels from 0"):
        model.fit(dataset, epochs=1, verbose=0)


def test_features_alone_are_refused():
    with pytest.raises(ValueError, match=r"\(examples, 7\)"):
        model_of().fit(X)
    with pytest.raises(ValueError, match=r"`x` must have shape .*, 4\)"):
        model_of().class_probabilities(ROWS)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_classes": 1}, "`num_classes` must be 2 or more"),
        ({"num_classes": 2.0}, "`num_classes` must be a positive integer"),
        ({"generative_weight": -1}, "`generative_weight` must be positive"),
        ({"discriminative_weight": np.nan}, "`discriminative_weight` must"),
        ({"generative_weight": 0, "discriminative_weight": 0}, "more than 0"),
        ({"features": 0}, "`features` must be a positive integer"),
    ],
)
def test_bad_arguments_are_refused(kwargs, message):
    kwargs = {"features": 4, "num_classes": 3, "hidden": 2, **kwargs}
    with pytest.raises(ValueError, match=message):
        ClassRBM(**kwargs)


@pytest.mark.parametrize("generative", [0.0, 0.5])
def test_saved_and_loaded_it_goes_on_to_the_bit(generative, tmp_path):
    chain = PersistentChain(10) if generative else None
    model = model_of(ORACLE, generative, chain=chain, centered=True)
    model.fit(X, Y, batch_size=12, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = True
    for one in (model, loaded):
        one.fit(X, Y, batch_size=12, epochs=1, verbose=0, shuffle=False)
    assert_same_states(model, loaded)
    np.testing.assert_array_equal(
        model.class_probabilities(X), loaded.class_probabilities(X)
    )


def test_what_has_learned_no_features_does_not_draw_them():
    model = model_of()
    with pytest.raises(ValueError, match=r"learned only p\(y \| x\)"):
        model.sample_class(1, 10)
    with pytest.warns(UserWarning, match="draws .* no meaning") as warned:
        model.sample(2, 1)
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match="likelihoods .* no meaning"):
        model.log_likelihood(ROWS)
    model = model_of(ORACLE, 0.3)  # Warnings are errors.
    model.sample(2, 1)
    model.log_likelihood(ROWS)


def test_it_learns_to_classify_and_to_draw_a_class():
    """Three patterns of 12 pixels with noise, whose classes do not overlap."""
    keras.utils.set_random_seed(0)  # Keras shuffles arrays by it.
    rng = np.random.default_rng(0)
    patterns = np.kron(np.eye(3), np.ones(4))
    y = rng.integers(0, 3, 600)
    flip = rng.random((600, 12)) < 0.05
    x = np.abs(patterns[y] - flip).astype("float32")
    model = ClassRBM(
        12, 3, 8, PersistentChain(50), generative_weight=1.0, seed=0
    )
    model.compile(keras.optimizers.SGD(0.2))
    model.fit(x[:300], y[:300], batch_size=20, epochs=40, verbose=0)
    # The nearest pattern is wrong for fewer than one in 500.
    assert (model.classify(x[300:]) != y[300:]).mean() <= 0.02
    labels = np.repeat(np.arange(3), 100)
    drawn = np.asarray(model.sample_class(labels, num_sweeps=50, seed=0))
    assert drawn.shape == (300, 12)
    assert set(np.unique(drawn)) == {0, 1}
    # A pixel differs from its pattern in one of 20; 3,600 draws of each class.
    wrong = np.abs(drawn - patterns[labels]).mean()
    assert wrong < 0.15
    with pytest.raises(ValueError, match=r"`label` must be from 0 to 2"):
        model.sample_class(3, 10)
    with pytest.raises(ValueError, match=r"`num_samples` must be left out"):
        model.sample_class(labels, 10)
    with pytest.raises(ValueError, match=r"`num_samples` must be a positive"):
        model.sample_class(1)
    again = model.sample_class(2, 300, num_sweeps=50, seed=0)
    assert np.abs(np.asarray(again) - patterns[2]).mean() < 0.15
    # Hot enough, all pixels are coins, of 3,600 draws here.
    hot = model.sample_class(
        2, 300, num_sweeps=50, seed=0, inverse_temperature=1e-6
    )
    wrong = np.abs(np.asarray(hot) - patterns[2]).mean()
    assert abs(wrong - 0.5) < 4 * 0.5 / np.sqrt(3600)


CLASS_WEIGHT = {0: 1.0, 1: 5.0}  # The third class has 1.
FACTORS = np.array([1.0, 5.0, 1.0], "float32")[Y]


def _fitted(x, y=None, batch_size=12, **kwargs):
    model = model_of()
    history = model.fit(
        x,
        y,
        batch_size=batch_size,
        shuffle=False,
        epochs=1,
        verbose=0,
        **kwargs,
    )
    return [v.numpy() for v in model.trainable_variables], history.history


@pytest.mark.parametrize("weight", [None, np.linspace(0, 2, 24)])
@pytest.mark.parametrize("x", [(X, Y), (X, np.eye(CLASSES)[Y]), (ROWS,)])
def test_class_weights_multiply_those_of_the_examples(x, weight):
    expected, _ = _fitted(
        ROWS, sample_weight=FACTORS if weight is None else FACTORS * weight
    )
    given = {} if weight is None else {"sample_weight": weight}
    found, _ = _fitted(*x, class_weight=CLASS_WEIGHT, **given)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_class_weights_of_data_sets():
    expected, _ = _fitted(ROWS, sample_weight=FACTORS)
    for dataset in (batches(X, Y, size=12), batches(ROWS, size=12)):
        model = model_of()
        model.fit(dataset, class_weight=CLASS_WEIGHT, epochs=1, verbose=0)
        for a, b in zip(model.trainable_variables, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def test_class_weights_of_sequences_and_generators(monkeypatch):
    weight = np.linspace(0, 2, 24)
    columns = Parts(X, Y, weight)

    def generated():
        while True:
            yield columns[1]

    for x, part in ((columns, slice(None)), (generated(), slice(8, 16))):
        expected, _ = _fitted(
            ROWS[part], batch_size=8, sample_weight=(FACTORS * weight)[part]
        )
        seen = []
        model = model_of()
        monkeypatch.setattr(
            model, "finish", lambda v, weight, seen=seen: seen.extend(v)
        )
        model.fit(
            x,
            class_weight=CLASS_WEIGHT,
            steps_per_epoch=len(ROWS[part]) // 8,
            epochs=1,
            verbose=0,
        )
        for a, b in zip(model.trainable_variables, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
        # A generator is not read again for the checks after training.
        assert len(seen) == (24 if x is columns else 0)


def test_arguments_by_position_are_those_by_name():
    weight = np.linspace(0, 2, 24)
    named = {
        "batch_size": 8,
        "epochs": 1,
        "verbose": 0,
        "callbacks": None,
        "validation_split": 0.25,
        "validation_data": None,
        "shuffle": False,
        "class_weight": CLASS_WEIGHT,
        "sample_weight": weight,
    }
    model = model_of()
    wanted = model.fit(X, Y, **named).history
    for count in (5, 9):
        some = dict([*named.items()][count:])
        other = model_of()
        found = other.fit(X, Y, *[*named.values()][:count], **some).history
        assert found == wanted
        for a, b in zip(weights(other), weights(model), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(TypeError, match="multiple values"):
        model.fit(X, Y, 8, batch_size=8)


def test_a_split_that_leaves_no_examples_is_refused():
    for weight in (None, CLASS_WEIGHT):
        with pytest.raises(ValueError, match="must leave examples"):
            model_of().fit(X, Y, validation_split=0.99, class_weight=weight)


def test_validation_data_have_no_class_weights():
    expected, wanted = _fitted(
        ROWS[:18], sample_weight=FACTORS[:18], validation_data=(X[18:], Y[18:])
    )
    for given in (
        {"x": X, "y": Y, "validation_split": 0.25},
        {"x": X[:18], "y": Y[:18], "validation_data": (X[18:], Y[18:])},
    ):
        found, history = _fitted(**given, class_weight=CLASS_WEIGHT)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)
        assert history["val_loss"] == wanted["val_loss"]


@pytest.mark.parametrize(
    "value", [{3: 1.0}, {"a": 1.0}, {0: -1.0}, {0: np.nan}, [1.0, 2.0, 3.0]]
)
def test_other_class_weights_are_refused(value):
    with pytest.raises(ValueError, match=r"`class_weight` must be a dict"):
        model_of().fit(X, Y, class_weight=value, epochs=1, verbose=0)


def test_prediction_of_features_says_how_to_classify_them():
    model = model_of()
    assert model.predict(ROWS, verbose=0).shape == (24, HIDDEN)
    with pytest.raises(ValueError, match=r"classify\(x\).*join\(x, y\)"):
        model.predict(X, verbose=0)


def law_of_observed(model, x):
    """p(y | x_observed) by sums over all v and h."""
    oracle, states = oracle_of(model), all_states(4)
    fits = ((x[:, None] == states) | np.isnan(x)[:, None]).all(axis=2)
    logs = []
    for label in np.eye(3):
        v = np.concatenate([states, np.tile(label, (16, 1))], axis=1)
        logs.append(np.log(fits @ np.exp(-oracle.free_energy(v))))
    p = np.exp(np.stack(logs, axis=1))
    return p / p.sum(axis=1, keepdims=True)


def test_classes_of_features_with_missing_entries(monkeypatch):
    model = ClassRBM(4, 3, 4, seed=0)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    x = made_up_rows.ROWS[:, 1:]
    expected = law_of_observed(model, x)
    found = model.class_probabilities(x)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    monkeypatch.setattr(
        likelihood, "exact_rows", lambda machine, v: np.zeros(len(v), bool)
    )
    # One estimate is wrong by about 0.003, their mean by 0.0005.
    many = model.class_probabilities(np.repeat(x, 50, axis=0))
    assert_means(many.reshape(4, 50, 3), expected, axis=1, errors=5.0)


def test_a_data_set_keeps_its_number_of_examples():
    """`AutoSGD` divides its penalties by it."""
    found = []
    for weight in (None, CLASS_WEIGHT):
        for columns in ((ROWS,), (X, Y)):
            dataset = batches(*columns, size=12).repeat()
            dataset.num_examples = 24
            model = model_of()
            model.compile(run_eagerly=True)
            model.fit(
                dataset,
                steps_per_epoch=2,
                epochs=1,
                verbose=0,
                class_weight=weight,
            )
            found.append(float(model.optimizer.l2))
    assert found == [found[0]] * 4
    assert found[0] > 0
