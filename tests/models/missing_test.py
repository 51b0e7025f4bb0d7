"""Missing entries of training data: their draws, and what is learned."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    Bernoulli,
    ClassRBM,
    Composite,
    DeepBoltzmannMachine,
    FreshCompletion,
    Gaussian,
    PersistentChain,
    PersistentCompletion,
    Softmax,
    callbacks,
    random,
)
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.models import missing
from tests.machines import (
    Given,
    assert_means,
    assert_same_states,
    batches,
    data,
    exact_draws,
    rbm,
    states_of,
)
from tests.oracle import Oracle, all_states, divergence
from tests.units import laws

NAN = np.nan


def holes(x, share=0.5, seed=0):
    """Data of which a share is missing completely at random.

    Unless all of it is, each row keeps an observed entry.
    """
    lost = np.random.default_rng(seed).random(np.shape(x)) < share
    lost[:, 0] &= ~lost.all(axis=1) | (share == 1)
    return np.where(lost, NAN, x).astype("float32")


def unit_holes(case, v, missing_sites):
    """Rows whose units of these numbers are missing."""
    v = np.array(v, "float32")
    for site in missing_sites:
        v[laws.columns(case)[site]] = NAN
    return v


def moments(case, machine, v):
    """E[v h | v_observed] and E[v | v_observed], by sums over all h."""
    params = {k: np.asarray(p) for k, p in machine.visible_params.items()}
    kernel, bias = (
        np.asarray(x, "float64")
        for x in (machine.kernel, machine.hidden_params["bias"])
    )
    logs, means, hidden = [], [], all_states(len(bias))
    for h in hidden:
        total, mean = h @ bias, np.array(v, "float64")
        site_laws = laws.site_laws(case, kernel @ h, params)
        for place, (x, p, log_z) in zip(
            laws.columns(case), site_laws, strict=True
        ):
            if np.isnan(v[place]).any():
                total, mean[place] = total + log_z, p @ x
            else:
                total = total + v[place] @ (kernel @ h)[place]
        logs.append(total)
        means.append(mean)
    p = np.exp(np.array(logs) - np.logaddexp.reduce(logs))
    means = np.array(means)
    return np.einsum("k,ki,kj->ij", p, means, hidden), p @ means


@compiled
def drawn(machine, v, stream):
    return missing.Completer(30).draw(machine, v, stream)


# The draws of each kind given its inputs are tested with the units. These kinds
# have laws of each form: two states, a site of several columns, two sides of 0,
# and several kinds together, listed and real.
QUICK = [
    "Bernoulli(size=5)",
    "Softmax(size=2, categories=3)",
    "DReLU(size=5)",
    *(str(case) for case in laws.CASES if isinstance(case.unit, Composite)),
]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case, marks=[] if str(case) in QUICK else [pytest.mark.slow]
        )
        for case in laws.CASES
        if case.unit.approximation is None
    ],
    ids=str,
)
def test_draws_have_the_moments_of_the_gradient(case):
    """With no entry missing, some, and all: those of -dF(v_observed)."""
    rng, count = np.random.default_rng(0), 4000
    shape = (case.unit.width, 3)
    machine = machine_lib.Machine(
        case.unit,
        Bernoulli(3),
        tf.constant(0.5 * rng.normal(size=shape), "float32"),
        {
            name: 0.5 * p if name == "bias" else p
            for name, p in laws.parameters(case.unit).items()
        },
        {"bias": tf.constant(rng.normal(size=3), "float32")},
    )
    sites = len(case.sites)
    rows = [
        unit_holes(case, v, missing)
        for v, missing in zip(
            laws.some_states(case, 3),
            ([], range(0, sites, 2), range(sites)),
            strict=True,
        )
    ]
    v = tf.constant(np.repeat(rows, count, axis=0))
    found = drawn(machine, v, random.stream(1)).numpy()
    h = machine_lib.hidden_mean(machine, found)
    both = np.einsum("ni,nj->nij", found, h).reshape(3, count, *shape)
    for number, row in enumerate(rows):
        expected, mean = moments(case, machine, row)
        own = found[number * count : (number + 1) * count]
        known = ~np.isnan(row)
        np.testing.assert_array_equal(
            own[:, known], np.tile(row[known], (count, 1))
        )
        case.unit.check(own)
        assert_means(own, mean, errors=5.0, slack=1e-5)
        assert_means(both[number], expected, errors=5.0, slack=1e-5)


ORACLE = Oracle.draw(5, 4, seed=1)


def gradients_of(model, data, count):
    """Gradients of so many updates, which do not move the parameters."""

    @tf.function(jit_compile=True, autograph=False)
    def step():
        found = model.gradient_step(data)
        model.updates.assign_add(1)
        return found

    return [
        np.array([np.asarray(x, "float64") for x in each])
        for each in zip(*(step() for _ in range(count)), strict=True)
    ]


@pytest.mark.parametrize("kind", [PersistentCompletion(), FreshCompletion(20)])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_gradient_is_that_of_what_is_observed(kind, share):
    x = holes(data(64), share, seed=3)
    x[0, 0] = 1.0  # A row at least has an observed entry.
    model = rbm(ORACLE, chain=Given(), centered=False, missing=kind)
    model.compile(keras.optimizers.SGD(0.0))
    model._completer = model.make_completer(x)
    batch = tf.constant(x)
    if kind.is_persistent and share:
        batch = (batch, tf.range(64.0))
    found = gradients_of(model, batch, 400)

    def of(stats, weight):  # The gradient of F, negative.
        return [-np.einsum("n,n...->...", weight, s) for s in stats]

    def statistics(law):  # Of p(v, h), rows of probabilities of all v.
        v, p = (
            ORACLE.visible_states,
            ORACLE.p_hidden_given(ORACLE.visible_states),
        )
        h = p @ ORACLE.hidden_states
        return [
            np.einsum("nk,ki,kj->nij", law, v, h),
            law @ v,
            law @ h,
        ]

    fits = (x[:, None] == ORACLE.visible_states) | np.isnan(x)[:, None]
    law = fits.all(axis=2) * ORACLE.p_visible
    law /= law.sum(axis=1, keepdims=True)
    seen = ~np.isnan(x).all(axis=1)
    v_model = Given.v_model
    of_model = (v_model[:, None] == ORACLE.visible_states).all(axis=2)
    positive = of(statistics(law), seen / 64)
    negative = of(statistics(of_model), np.full(20, seen.sum() / 64 / 20))
    for name, one, p, n in zip("Wbc", found, positive, negative, strict=True):
        assert_means(one, p - n, errors=6.0, slack=1e-5), name


def test_a_teacher_is_recovered_from_half_of_the_entries():
    rng = np.random.default_rng(5)
    kernel = 3 * np.sign(rng.normal(size=(6, 3))) * (rng.random((6, 3)) < 0.6)
    teacher = Oracle(kernel, -kernel.sum(axis=1) / 2, -kernel.sum(axis=0) / 2)
    x = exact_draws(rng, teacher.p_visible, teacher.visible_states, 6000)
    student = RBM(6, 3, PersistentChain(100, 2), seed=0)
    schedule = keras.optimizers.schedules.PolynomialDecay(0.1, 6000, 0.0)
    student.compile(keras.optimizers.SGD(schedule))
    student.fit(holes(x), updates=6000, batch_size=50, verbose=0)
    v = teacher.visible_states.astype("float32")
    log_q = student.log_likelihood(v)
    log_q = log_q.scores - log_q.log_partition.log_z
    mean = teacher.p_visible @ v
    independent = (v * np.log(mean) + (1 - v) * np.log1p(-mean)).sum(axis=1)
    apart = divergence(teacher.p_visible, independent)
    assert divergence(teacher.p_visible, log_q) < 0.05 * apart


X = data(60, seed=1)


def fitted(x, model=None, **kwargs):
    model = model or RBM(5, 4, PersistentChain(20), seed=0)
    # Eagerly: faster than a compilation, for a few steps.
    model.compile(keras.optimizers.SGD(0.05), run_eagerly=True)
    options = {"epochs": 1, "batch_size": 30, "verbose": 0, **kwargs}
    history = model.fit(x, **options).history
    return model, history


@pytest.fixture(scope="module")
def with_holes():
    return fitted(holes(X))


def test_all_ways_to_say_that_an_entry_is_missing(with_holes):
    first, _ = with_holes
    x = holes(X)
    mask = np.isnan(x)
    objects = np.where(mask, None, X.astype(object))
    for other, kwargs in (
        (X, {"mask": mask}),
        (X.astype("uint8"), {"mask": mask}),
        (np.ma.masked_array(X, mask), {}),
        (np.ma.masked_array(X.astype(int), mask), {}),
        (objects, {}),
        (x, {"mask": mask}),
    ):
        second, _ = fitted(other, **kwargs)
        assert_same_states(first, second)


def test_a_run_goes_on_to_the_bit(tmp_path):
    first, _ = fitted(holes(X), epochs=2)
    again, _ = fitted(holes(X))
    again.save(tmp_path / "half.keras")
    loaded = keras.models.load_model(tmp_path / "half.keras")
    loaded.fit(holes(X), epochs=1, batch_size=30, verbose=0)
    assert_same_states(first, loaded)
    tables = [m._kept_completer.tables[0].numpy() for m in (first, loaded)]
    np.testing.assert_array_equal(*tables)
    assert tables[0].shape == (60, 4)
    assert tables[0].dtype == np.int8


class StopAt(keras.callbacks.Callback):
    """Asks for an end after so many updates."""

    def __init__(self, checkpoint, updates):
        super().__init__()
        self.checkpoint, self.updates = checkpoint, updates

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.updates) == self.updates:
            self.checkpoint.stop("a test")


def checkpointed(folder, stop=None):
    """A run with missing entries, from its newest checkpoint on."""
    model = RBM(5, 4, PersistentChain(20), seed=0)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.5), run_eagerly=True)
    checkpoint = callbacks.Checkpoint(folder)
    done = checkpoint.resume(model)
    model.fit(
        holes(X),
        epochs=2,
        batch_size=16,
        steps_per_epoch=3,
        initial_epoch=done.epoch,
        initial_step=done.step,
        callbacks=[StopAt(checkpoint, stop), checkpoint],
        verbose=0,
    )
    return model, checkpoint.history().history


def test_a_run_that_was_stopped_within_an_epoch_is_resumed_to_the_bit(
    tmp_path,
):
    whole, expected = checkpointed(tmp_path / "whole")
    with pytest.raises(callbacks.Interrupted):
        checkpointed(tmp_path / "stopped", stop=4)
    resumed, found = checkpointed(tmp_path / "stopped")
    assert int(resumed.updates) == 6
    assert_same_states(whole, resumed)
    tables = [m._kept_completer.tables[0].numpy() for m in (whole, resumed)]
    np.testing.assert_array_equal(*tables)
    assert found == expected


def test_models_that_saw_no_missing_entry_keep_no_chains(tmp_path):
    model, _ = fitted(X)
    assert model._kept_completer is None
    model.save(tmp_path / "model.keras")
    keras.models.load_model(tmp_path / "model.keras")


def test_a_model_says_how_it_completes(tmp_path):
    model = RBM(5, 4, seed=0, missing=FreshCompletion(7))
    assert RBM.from_config(model.get_config()).missing == FreshCompletion(7)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.missing == FreshCompletion(7)


@pytest.mark.parametrize("wrong", [True, "mean", 3, FreshCompletion])
def test_what_is_no_completion_is_refused(wrong):
    with pytest.raises(ValueError, match="`missing` must be"):
        RBM(5, 4, missing=wrong)


@pytest.mark.parametrize("number", [0, -1, 1.5, True])
def test_sweeps_are_counted(number):
    for kind in (FreshCompletion, PersistentCompletion):
        with pytest.raises(ValueError, match="`num_sweeps` must be"):
            kind(number)


def test_streams_may_miss_entries_if_the_model_says_so():
    x = holes(X[:48])
    with pytest.raises(ValueError, match="`a batch of x` must hold"):
        fitted(batches(x))
    with pytest.raises(ValueError, match=r"FreshCompletion\(\) for a tf.data"):
        fitted(batches(x), RBM(5, 4, seed=0, missing=PersistentCompletion()))
    streamed, history = fitted(
        batches(x, size=24), RBM(5, 4, seed=0, missing=FreshCompletion(3))
    )
    # Of an array in its order there come the same batches.
    other, expected = fitted(
        x,
        RBM(5, 4, seed=0, missing=FreshCompletion(3)),
        shuffle=False,
        batch_size=24,
    )
    assert_same_states(streamed, other)
    assert history == expected


def test_later_batches_are_checked_for_infinity():
    x = np.tile(holes(X[:48]), (3, 1))
    x[-1, 2] = np.inf
    model = RBM(5, 4, seed=0, missing=FreshCompletion(3))
    with pytest.raises(ValueError, match="x` must hold"):
        fitted(batches(x), model)


@pytest.mark.slow
def test_the_graph_says_what_eager_calls_say():
    models = []
    for eagerly in (False, True):
        model = RBM(5, 4, PersistentChain(20), seed=0)
        model.compile(keras.optimizers.SGD(0.05), run_eagerly=eagerly)
        model.fit(holes(X[:48]), epochs=1, batch_size=16, verbose=0)
        models.append(states_of(model))
    for one, other in zip(*models, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_validation_may_miss_what_training_has():
    complete, _ = fitted(X[:48])
    x = holes(X[48:])
    for validation in ((x,), (x, None, np.ones(12))):
        model, history = fitted(X[:48], validation_data=validation)
        assert_same_states(complete, model)
        found = model.evaluate(x, verbose=0, return_dict=True)
        assert np.isfinite(history["val_loss"]).all()
        assert set(found) == {k for k in history if "val_" not in k}
    # Metrics of complete data are what they were.
    expected = complete.evaluate(X, verbose=0)
    assert model.evaluate(X, verbose=0) == expected


def test_a_part_for_validation_is_cut_off():
    _, history = fitted(holes(X), validation_split=0.2)
    assert np.isfinite(history["val_pseudo_log_likelihood"]).all()


def test_weights_of_rows_count():
    x = holes(X)
    weight = np.r_[np.ones(30), np.zeros(30)]
    one, _ = fitted(x, sample_weight=weight)
    x[30:] = 1.0 - x[30:]
    other, _ = fitted(x, sample_weight=weight)
    for a, b in zip(states_of(one)[:3], states_of(other)[:3], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_rows_without_an_entry_have_no_weight():
    x = holes(X)
    x[7] = NAN
    with pytest.warns(UserWarning, match="1 of the 60 rows of `x` have no"):
        one, _ = fitted(x, shuffle=False)
    x[7] = 1.0
    other, _ = fitted(x, sample_weight=np.arange(60) != 7, shuffle=False)
    assert one.updates.numpy() == other.updates.numpy() == 2


def test_columns_without_an_entry_are_refused():
    x = X.copy()
    x[:, 3] = NAN
    with pytest.raises(ValueError, match=r"observed entry in each column.*, 3"):
        fitted(x)


def test_bad_masks_are_refused():
    x = holes(X)
    for mask, text in (
        (np.isnan(x)[:7], "`mask` must be a boolean array of shape"),
        (np.isnan(x).astype(float), "`mask` must be a boolean array of shape"),
        (np.zeros(x.shape, bool), "`mask` must be True where `x` is NaN"),
    ):
        with pytest.raises(ValueError, match=text):
            fitted(x, mask=mask)
    with pytest.raises(ValueError, match="`mask` must be left out"):
        fitted(batches(X), mask=np.isnan(x))


def test_values_that_are_there_must_be_states():
    for value in (np.inf, -np.inf, 2.0, -0.5):
        x = holes(X)
        x[5, 2] = value
        with pytest.raises(ValueError, match=r"Received: x\[5, 2\]="):
            fitted(x)


def test_categories_are_known_or_not():
    model = RBM(Softmax(3, 4), 5, seed=0)
    rng = np.random.default_rng(0)
    categories = rng.integers(0, 4, (40, 3)).astype(float)
    categories[rng.random((40, 3)) < 0.3] = NAN
    first, _ = fitted(categories, RBM(Softmax(3, 4), 5, seed=0))
    hot = np.eye(4)[np.nan_to_num(categories).astype(int)]
    hot[np.isnan(categories)] = NAN
    second, _ = fitted(hot.reshape(40, 12), model)
    assert_same_states(first, second)
    hot[3] = [NAN, 1.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="must miss all columns of a unit"):
        fitted(hot.reshape(40, 12), RBM(Softmax(3, 4), 5, seed=0))


def test_tables_hold_the_states_of_all_types():
    assert missing.table_dtype(Bernoulli(3)) == "int8"
    assert missing.table_dtype(Softmax(2, 3)) == "int8"
    assert missing.table_dtype(Gaussian(3)) == "float32"


def test_models_that_cannot_refuse():
    model = DeepBoltzmannMachine(5, 4, 3, seed=0)
    model.compile(keras.optimizers.SGD(0.05))
    with pytest.raises(ValueError, match="`x` must hold"):
        model.fit(holes(X), epochs=1, verbose=0)


# Class RBMs.

Y = np.random.default_rng(5).integers(0, 3, 60)
UNKNOWN = np.where(np.arange(60) % 3 == 0, Y, -1)


def class_model(**kwargs):
    return ClassRBM(5, 3, 4, **{"seed": 0, **kwargs})


@pytest.fixture(scope="module")
def half_labelled():
    return fitted(X, class_model(), y=UNKNOWN)


@pytest.mark.slow
def test_all_ways_to_leave_out_a_label(half_labelled):
    first, _ = half_labelled
    numbers = np.where(UNKNOWN < 0, NAN, UNKNOWN)
    hot = np.where(UNKNOWN[:, None] < 0, NAN, np.eye(3)[UNKNOWN])
    rows = np.concatenate([X, hot.astype("float32")], axis=1)
    objects = np.where(UNKNOWN < 0, None, UNKNOWN.astype(object))
    for x, y in ((X, numbers), (X, hot), (X, objects), (rows, None)):
        second, _ = fitted(x, class_model(), y=y)
        assert_same_states(first, second)


def test_labels_that_are_none_are_still_refused():
    for wrong in (-2, 3):
        y = np.where(np.arange(60) == 7, wrong, UNKNOWN)
        with pytest.raises(ValueError, match=r"`y` must be from 0 to 2"):
            fitted(X, class_model(), y=y)


@pytest.mark.slow
def test_unknown_labels_of_a_stream():
    x, y = X[:48], UNKNOWN[:48]
    with pytest.raises(ValueError, match="must hold"):
        fitted(batches(x, y), class_model())
    kind = FreshCompletion(3)
    streamed, _ = fitted(batches(x, y, size=24), class_model(missing=kind))
    other, _ = fitted(
        x, class_model(missing=kind), y=y, shuffle=False, batch_size=24
    )
    assert_same_states(streamed, other)


def test_metrics_of_labels_are_of_those_that_are_known(half_labelled):
    model, _ = half_labelled
    known = UNKNOWN >= 0
    found = model.evaluate(X, UNKNOWN, verbose=0, return_dict=True)
    expected = model.evaluate(
        X[known], UNKNOWN[known], verbose=0, return_dict=True
    )
    for name in ("error", "conditional_log_likelihood"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5)


def test_a_model_of_labels_alone_learns_nothing_without_them():
    model = class_model(generative_weight=0)
    with pytest.raises(ValueError, match="`generative_weight` must be more"):
        fitted(X, model, y=UNKNOWN)


@pytest.mark.parametrize(
    ("features", "weights"),
    [
        pytest.param("complete", (1.0, 0.0), marks=pytest.mark.slow),
        ("with_holes", (1.0, 0.0)),
        pytest.param("complete", (0.3, 1.0), marks=pytest.mark.slow),
        ("with_holes", (0.3, 1.0)),
    ],
)
def test_the_gradient_of_a_class_rbm(features, weights):
    """Of alpha log p(x, y) + gamma log p(y | x), with both observed in part."""
    alpha, gamma = weights
    model = class_model(
        centered=False,
        chain=Given(),
        generative_weight=alpha,
        discriminative_weight=gamma,
        missing=FreshCompletion(20),
    )
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(0.7 * rng.normal(size=variable.shape))
    model.compile(keras.optimizers.SGD(0.0))
    x = X[:24] if features == "complete" else holes(X[:24], 0.4)
    rows = model.join(x, UNKNOWN[:24])
    v_model = model.join(X[:20], Y[:20])
    model.chain.v_model = v_model
    model._completer = model.make_completer(rows)
    found = gradients_of(model, tf.constant(rows), 500)
    kernel, b, c = (
        np.asarray(p, "float64")
        for p in (
            model.kernel,
            model.visible_params["bias"],
            model.hidden_params["bias"],
        )
    )
    states = np.concatenate(
        [np.tile(all_states(5), (3, 1)), np.repeat(np.eye(3), 32, axis=0)], 1
    )
    inputs = states @ kernel + c
    log_p = states @ b + np.logaddexp(0, inputs).sum(axis=1)
    h = 1 / (1 + np.exp(-inputs))
    stats = np.concatenate(
        [np.einsum("ki,kj->kij", states, h).reshape(96, -1), states, h], 1
    )

    def mean(rows, weight):
        fits = (rows[:, None] == states) | np.isnan(rows)[:, None]
        law = fits.all(axis=2) * np.exp(log_p - log_p.max())
        law /= law.sum(axis=1, keepdims=True)
        return weight @ (law @ stats)

    free = rows.copy()
    free[:, 5:] = NAN
    ones, known = np.full(24, 1 / 24), (UNKNOWN[:24] >= 0) / 24
    expected = -(
        alpha * (mean(rows, ones) - mean(v_model, np.full(20, 1 / 20)))
        + gamma * (mean(rows, known) - mean(free, known))
    )
    found = np.concatenate([x.reshape(500, -1) for x in found], axis=1)
    # Within the label's exact sums nothing is drawn.
    assert_means(found, expected, errors=6.0, slack=1e-5)
    if features == "complete":
        np.testing.assert_allclose(
            found, np.tile(expected, (500, 1)), atol=2e-6
        )
