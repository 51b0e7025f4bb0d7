"""What data may be: arrays and streams, their means, and what is refused."""

import tracemalloc

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse

from keras_rbm import (
    RBM,
    Bernoulli,
    ClassRBM,
    Composite,
    Gaussian,
    PersistentChain,
    Softmax,
    Spin,
)
from keras_rbm import data as data_lib
from keras_rbm.models import examples
from keras_rbm.models.examples import moments
from keras_rbm.rows import Rows
from tests import hostile
from tests.machines import Parts, batches, data, states_of

UNITS = Bernoulli(5)


def rounded(x):
    """Bits with rounding errors of float32."""
    return (x * 1.0000002 - 1e-7).astype("float32")


def dataset(*columns, batch=10):
    columns = columns[0] if len(columns) == 1 else columns
    return tf.data.Dataset.from_tensor_slices(columns).batch(batch)


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "uint8", "int64", bool]
)
def test_arrays_of_states_pass(dtype):
    examples.check(data().astype(dtype), UNITS, "x")
    examples.check(tf.constant(data()), UNITS, "x")


def test_data_sets_of_states_pass():
    x = data()
    for columns in ((x,), (x, x), (x, x, np.ones(48))):
        examples.check(dataset(*columns), UNITS, "x")
    examples.check(dataset(x).repeat(), UNITS, "x")


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_every_value_of_an_array_is_looked_at(value):
    x = data()
    x[47, 4] = value
    with pytest.raises(ValueError, match=r"Received: x\[47, 4\]="):
        examples.check(x, UNITS, "x")


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_the_first_batch_of_a_data_set_is_looked_at(value):
    x = data()
    x[9, 4] = value
    for columns in ((x,), (x, x)):
        with pytest.raises(ValueError, match=r"`a batch of x` .*\[9, 4\]="):
            examples.check(dataset(*columns), UNITS, "x")


@pytest.mark.parametrize("shape", [(48, 4), (48, 6), (48,), (48, 5, 2), (0, 5)])
def test_wrong_shapes(shape):
    with pytest.raises(ValueError, match=r"Received: x\.shape="):
        examples.check(np.zeros(shape), UNITS, "x")


def test_wrong_shapes_of_batches():
    with pytest.raises(ValueError, match=r"a batch of x.shape=\(10, 6\)"):
        examples.check(dataset(np.zeros((48, 6))), UNITS, "x")
    unbatched = tf.data.Dataset.from_tensor_slices(data())
    with pytest.raises(ValueError, match=r"a batch of x.shape=\(5,\)"):
        examples.check(unbatched, UNITS, "x")


def test_empty_data_sets():
    with pytest.raises(ValueError, match="`x` must have at least one batch"):
        examples.check(dataset(data()).take(0), UNITS, "x")


@pytest.mark.parametrize(
    "x", [None, [[0.0] * 5], "data.npy", {"x": np.zeros((2, 5))}, iter([])]
)
def test_other_types(x):
    with pytest.raises(ValueError, match=r"Received: type\(x\)="):
        examples.check(x, UNITS, "x")


@pytest.mark.parametrize(
    "x",
    [
        [[0, 1, 0, 1, 1], [True, 0.5, 1, 0, np.float32(0)]],
        ((0, 1, 0, 1, 1), np.zeros(5).tolist()),
    ],
)
def test_a_call_takes_lists_of_numbers(x):
    np.testing.assert_array_equal(
        examples.called(x, UNITS, "v"), np.asarray(x, "float64")
    )


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[0] * 5, [0] * 4], r"type\(v\)=list"),
        ([["0"] * 5], r"type\(v\)=list"),
        ([np.zeros(5)], r"type\(v\)=list"),
        ([tf.zeros((2, 5))] * 2, r"type\(v\)=list"),
        ([], r"v\.shape=\(0,\)"),
        ([0] * 5, r"v\.shape=\(5,\)"),
        ([[0, 0, 0, 0, 2]], r"v\[0, 4\]=2"),
        ([[0, 0, 0, 0, 2**70]], r"v\.dtype=object"),
    ],
)
def test_a_call_refuses_other_lists(x, message):
    with pytest.raises(ValueError, match=f"`v` must .*{message}"):
        examples.called(x, UNITS, "v")


@pytest.mark.parametrize("x", [np.full((4, 5), "1"), np.full((4, 5), None)])
def test_arrays_of_other_types(x):
    with pytest.raises(ValueError, match=r"real numbers. Received: x.dtype="):
        examples.check(x, UNITS, "x")


@pytest.mark.parametrize("size", [1, 7, 20, 48, 100])
@pytest.mark.parametrize("batch_size", [1, 20, 48])
def test_states_of_a_data_set_are_joined_and_cut(size, batch_size):
    x = data(48)
    for columns in ((x,), (x, x)):
        batches = list(
            examples.states(dataset(*columns, batch=size), UNITS, batch_size)
        )
        full, rest = divmod(48, batch_size)
        assert [len(b) for b in batches] == [batch_size] * full + [rest] * (
            rest > 0
        )
        np.testing.assert_array_equal(np.concatenate(batches), x)


def test_states_of_batches_of_different_sizes():
    x = data(48)
    ragged = dataset(x[:3], batch=3)
    for first, last in ((3, 40), (40, 41), (41, 48)):
        ragged = ragged.concatenate(dataset(x[first:last], batch=48))
    batches = list(examples.states(ragged, UNITS, 10))
    assert [len(b) for b in batches] == [10, 10, 10, 10, 8]
    np.testing.assert_array_equal(np.concatenate(batches), x)


@pytest.mark.parametrize("value", [0.5, np.nan])
@pytest.mark.parametrize("row", [0, 47])
def test_states_are_not_means(value, row):
    x = data()
    x[row, 2] = value
    for x_, name in ((x, "`v`"), (dataset(x), "`a batch of v`")):
        with pytest.raises(ValueError, match=f"{name} must hold"):
            list(examples.states(x_, UNITS, 20))


def test_states_come_to_an_end():
    with pytest.raises(ValueError, match=r"`v` must come to an .*v\.take\("):
        next(examples.states(dataset(data()).repeat(), UNITS, 20))
    few = dataset(data()).repeat().take(2)
    assert sum(len(b) for b in examples.states(few, UNITS, 20)) == 20


@pytest.mark.parametrize("x", [np.zeros((3, 6)), np.zeros((0, 5)), [[0.0] * 5]])
def test_states_are_checked_as_all_data_are(x):
    with pytest.raises(ValueError, match=r"`v` must"):
        next(examples.states(x, UNITS, 20))


def test_states_of_an_array_come_in_batches():
    x = data(48)
    batches = list(examples.states(x, UNITS, 20))
    assert [len(b) for b in batches] == [20, 20, 8]
    np.testing.assert_array_equal(np.concatenate(batches), x)
    np.testing.assert_array_equal(
        np.concatenate(list(examples.states(tf.constant(x), UNITS, 100))), x
    )


# The mean of the data.


def test_mean_is_taken_in_float64():
    x = data(1000).astype("float16")
    mean, variance = moments(x, UNITS)
    assert mean.dtype == variance.dtype == "float64"
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype="float64"))
    np.testing.assert_allclose(variance, x.var(axis=0, dtype="float64"))
    np.testing.assert_array_equal(moments(x.astype(bool), UNITS)[0], mean)
    np.testing.assert_array_equal(moments(x.astype("uint8"), UNITS)[0], mean)


def test_mean_of_a_data_set_weighs_examples_alike():
    x = data(43)
    expected = x.astype("float64").mean(axis=0)
    for columns in ((x,), (x, x)):
        np.testing.assert_allclose(
            moments(dataset(*columns), UNITS)[0], expected, rtol=1e-12
        )


def test_mean_of_a_data_set_without_end():
    x = data(40)
    mean, _ = moments(dataset(x).repeat(), UNITS)
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype="float64"))
    # No more than 100 batches: the others are never asked for.
    endless = tf.data.Dataset.from_tensors(np.ones((2, 5), "float32"))
    broken = endless.repeat(100).concatenate(
        tf.data.Dataset.from_tensors(np.zeros((2, 5), "float32"))
    )
    np.testing.assert_array_equal(moments(broken, UNITS)[0], np.ones(5))


@pytest.mark.parametrize("row", [0, 30])
def test_mean_refuses_what_is_not_a_state(row):
    x = data()
    x[row, 2] = np.nan
    for x_ in (x, dataset(x)):
        with pytest.raises(ValueError, match="must hold finite values"):
            moments(x_, UNITS)


def test_variance_counts_weights_and_is_never_negative():
    x, weight = data(3000), np.linspace(0.0, 2.0, 3000)
    mean, variance = moments(x, UNITS, sample_weight=weight)
    p = weight / weight.sum()
    np.testing.assert_allclose(mean, p @ x)
    np.testing.assert_allclose(variance, p @ (x - p @ x) ** 2)
    assert (moments(np.full((7, 5), 0.1), UNITS)[1] >= 0).all()


# What a stream is found to be while it is read.


@pytest.mark.parametrize("binarize", ["none", "stochastic", "threshold"])
def test_what_batches_has_checked_is_known(binarize):
    dataset = data_lib.batches(data(), 16, binarize)
    assert examples.is_known(dataset, Bernoulli(hostile.WIDTH))
    assert not examples.is_known(dataset, Bernoulli(6))
    # What is done with it may change the values.
    changed = dataset.map(lambda v: v + 1.0)
    assert not examples.is_known(changed, Bernoulli(hostile.WIDTH))


def test_values_out_of_range_are_not_known():
    dataset = data_lib.batches(2.0 * data(), 16)
    assert not examples.is_known(dataset, Bernoulli(hostile.WIDTH))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.1, 1.1])
@pytest.mark.parametrize("place", [(0, 0), (47, 4), (17, 3)])
def test_a_value_is_found_wherever_it_is(value, place):
    x = data()
    x[place] = value
    guarded = examples.guarded(batches(x, size=48), Bernoulli(hostile.WIDTH))
    with (
        pytest.raises(ValueError, match=r"`x` must hold.* 48 5, "),
        examples.reported("x"),
    ):
        list(guarded)


def test_batches_lose_their_rounding_errors():
    x = rounded(data())
    x[0, 1] = np.nan
    (kept,) = examples.guarded(batches(x, size=48), UNITS, may_miss=True)
    expected = np.where(np.isnan(x), x, data())
    np.testing.assert_array_equal(kept, expected)
    ((first, _),) = examples.batches_of(batches(x, size=48), UNITS, "x", True)
    np.testing.assert_array_equal(first, expected)


def test_what_is_right_passes_unchanged():
    x, weight = data(), np.linspace(0.0, 3.0, 48)
    dataset = batches(x, x[:, 0], weight)
    guarded = examples.guarded(dataset, Bernoulli(hostile.WIDTH))
    assert guarded.element_spec == dataset.element_spec
    for one, other in zip(guarded, dataset, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)


# Bad data are refused before anything is done.


def corrupted(value):
    x = data()
    x[40, 3] = value
    return x


BAD = {
    "nothing_observed": data() * np.nan,
    "infinite": corrupted(np.inf),
    "out_of_range": corrupted(1.5),
    "too_wide": np.zeros((48, 6)),
    "one_example": data()[0],
    "none": data()[:0],
    "nothing": None,
    "list": data().tolist(),
    "strings": data().astype(str),
    "empty_data_set": batches(data()).take(0),
    "data_set_too_wide": batches(np.zeros((48, 6))),
    "data_set_not_a_number": batches(corrupted(np.nan)[::-1]),
    "data_set_of_examples": tf.data.Dataset.from_tensor_slices(data()),
}


@pytest.fixture(scope="module")
def fresh():
    """A model that `fit` would start from the means of the data."""
    model = RBM(5, 4, PersistentChain(7), seed=0)
    model.compile("adam", run_eagerly=True)
    return model


def assert_refused(model, *args, **kwargs):
    before = states_of(model)
    with pytest.raises(ValueError, match=r"`[\w ]+` must "):
        model.fit(*args, epochs=1, verbose=0, **kwargs)
    assert int(model.updates) == 0
    for x, y in zip(before, states_of(model), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("kind", BAD)
def test_bad_data_are_refused(fresh, kind):
    assert_refused(fresh, BAD[kind])
    with pytest.raises(ValueError, match=r"`[\w ]+` must "):
        fresh.evaluate(BAD[kind], verbose=0)


@pytest.mark.parametrize("kind", [kind for kind in BAD if kind != "nothing"])
def test_bad_validation_data_are_refused(fresh, kind):
    assert_refused(fresh, data(), validation_data=BAD[kind])
    assert_refused(fresh, data(), validation_data=(BAD[kind], None))


def test_fewer_examples_than_a_batch_are_one_batch():
    model = RBM(5, 4, seed=0)
    model.compile("sgd", run_eagerly=True)
    model.fit(data(), batch_size=49, epochs=2, verbose=0)
    assert int(model.updates) == 2


BAD_WEIGHTS = {
    "negative": np.where(np.arange(48) == 30, -1.0, 1.0),
    "not_a_number": np.where(np.arange(48) == 30, np.nan, 1.0),
    "infinite": np.where(np.arange(48) == 30, np.inf, 1.0),
    "too_few": np.ones(47),
    "a_column": np.ones((48, 1)),
    "strings": np.full(48, "1"),
}


@pytest.mark.parametrize("kind", BAD_WEIGHTS)
def test_bad_weights_are_refused(fresh, kind):
    weight = BAD_WEIGHTS[kind]
    assert_refused(fresh, data(), sample_weight=weight)
    assert_refused(fresh, data(), validation_data=(data(), None, weight))
    for method in (fresh.evaluate, fresh.adapt):
        with pytest.raises(
            ValueError, match=r"`sample_weight` must (have|hold)"
        ):
            method(data(), sample_weight=weight)
    if weight.shape == (48,) and kind != "strings":
        dataset = batches(data()[::-1], np.zeros(48), weight[::-1], size=20)
        assert_refused(fresh, dataset)


def test_bad_weights_are_refused_by_a_model_that_has_started():
    """Which does not look at the data's mean any more."""
    model = RBM(5, 4, seed=0)
    model.visible_params["bias"].assign(np.ones(5))
    model.compile("adam", run_eagerly=True)
    assert_refused(model, data(), sample_weight=BAD_WEIGHTS["negative"])


def test_weights_that_leave_no_example_are_refused(fresh):
    zeros = np.zeros(48)
    assert_refused(fresh, data(), sample_weight=zeros)
    assert_refused(fresh, batches(data(), zeros, zeros))


def test_bad_data_in_a_later_batch_do_not_reach_the_parameters(fresh):
    assert_refused(fresh, batches(corrupted(np.nan)))


@pytest.mark.parametrize("with_validation", [False, True])
def test_a_callback_is_refused_bad_data_by_evaluate(with_validation):
    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            with pytest.raises(ValueError, match=r"`x` must hold .*=7"):
                self.model.evaluate(7 * np.ones((3, 5), "float32"), verbose=0)
            seen.append(epoch)

    seen, model = [], RBM(5, 4, seed=0)
    model.compile("sgd", run_eagerly=True)
    validation = (data(),) if with_validation else None
    model.fit(
        data(),
        callbacks=[Look()],
        validation_data=validation,
        epochs=1,
        verbose=0,
    )
    assert seen == [0]


def test_bits_for_spin_units_are_refused():
    x = np.random.default_rng(0).integers(0, 2, (20, 5)).astype("float32")
    for units in (Spin(5), Composite(Bernoulli(2), Spin(3))):
        with pytest.raises(ValueError, match=r"`2 \* x - 1`.*Received: x\[:, "):
            examples.moments(x, units)
        with pytest.raises(ValueError, match=r"must hold spins, -1 and 1"):
            examples.moments(dataset(x), units)
    mean, _ = examples.moments(2 * x - 1, Spin(5))
    np.testing.assert_allclose(mean, (2 * x - 1).mean(axis=0))
    # Means of spins, and spins that are all up, may be 0 and 1 too.
    examples.moments(np.ones((3, 5)), Spin(5))
    examples.moments(np.vstack([x, -x]), Spin(5))


@pytest.mark.parametrize(
    ("units", "scale", "shift", "fits"),
    [
        (Gaussian(5), 1.0, 0.0, True),
        (Gaussian(5), 5.0, 20.0, True),
        (Gaussian(5), 314.0, 0.0, False),
        (Gaussian(5), 0.001, 0.0, False),
        (Gaussian(5), 1.0, 20.0, False),
        (Gaussian(5, precision=1e-2), 90.0, 0.0, True),
        (Gaussian(5, precision=1e-2), 110.0, 0.0, False),
        (Gaussian(5, minimum_precision=1e-6), 314.0, 0.0, True),
        (Composite(Bernoulli(2), Gaussian(3)), 314.0, 0.0, False),
    ],
)
def test_columns_that_are_not_standardized_are_named(units, scale, shift, fits):
    x = np.random.default_rng(0).standard_normal((200, 5))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    if isinstance(units, Composite):
        x[:, :2] = x[:, :2] > 0
    x[:, 3] = scale * x[:, 3] + shift
    if fits:
        examples.moments(x, units)
        return
    with pytest.raises(
        ValueError,
        match=r"standardized.*std\(axis=0\)( \* 10)?`\. Received: x\[:, 3\]",
    ):
        examples.moments(x, units)


def test_constant_columns_have_no_scale():
    x = np.random.default_rng(0).standard_normal((20, 5))
    x[:, 1], x[:, 2] = 0.0, 314.15
    examples.moments(x.astype("float32"), Gaussian(5))


def test_evaluate_refuses_weights_that_leave_no_example(fresh):
    zeros = np.zeros(48)
    with pytest.raises(ValueError, match=r"must be positive for some"):
        fresh.evaluate(data(), sample_weight=zeros, verbose=0)
    with pytest.raises(ValueError, match=r"of `x` must be positive for some"):
        fresh.evaluate(batches(data(), zeros, zeros), verbose=0)
    assert_refused(fresh, data(), validation_data=(data(), None, zeros))


class Batches(keras.utils.PyDataset):
    """Three batches of 16, and how often each was taken."""

    def __len__(self):
        return 3

    def __getitem__(self, number):
        return data()[16 * number : 16 * (number + 1)]


def test_batches_of_a_sequence_are_those_of_a_data_set():
    models = [RBM(5, 4, seed=0) for _ in range(2)]
    for model, x in zip(models, (Batches(), batches(data())), strict=True):
        model.compile("sgd", run_eagerly=True)
        model.fit(x, epochs=1, verbose=0)
        assert int(model.updates) == 3
    for x, y in zip(*map(states_of, models), strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_generator_gives_batches():
    def endless():
        while True:
            yield data()[:16]

    model = RBM(5, 4, seed=0)
    model.compile("sgd", run_eagerly=True)
    model.fit(endless(), steps_per_epoch=2, epochs=2, verbose=0)
    assert int(model.updates) == 4


def test_sequences_are_evaluated_and_validated():
    model = RBM(5, 4, seed=0)
    model.compile("sgd", run_eagerly=True)
    options = {"verbose": 0, "return_dict": True}
    assert model.evaluate(Batches(), **options) == model.evaluate(
        batches(data()), **options
    )
    assert model.predict(Batches(), verbose=0).shape == (48, 4)
    history = model.fit(data(), epochs=1, verbose=0, validation_data=Batches())
    assert "val_loss" in history.history


def generated(sequence):
    while True:
        yield from (sequence[number] for number in range(len(sequence)))


def test_a_sequence_has_weights_without_targets():
    weight = np.repeat([1.0, 0.0, 2.0], 16)
    model = RBM(5, 4, seed=0)
    model.compile("sgd", run_eagerly=True)
    model.fit(Parts(data(), None, weight), epochs=1, verbose=0)
    mean, _ = moments(data(), UNITS, sample_weight=weight)
    np.testing.assert_allclose(model.data_mean, mean, rtol=1e-6)
    options = {"verbose": 0, "return_dict": True}
    assert model.evaluate(
        Parts(data(), None, weight), **options
    ) == model.evaluate(batches(data(), np.zeros(48), weight), **options)
    nothing = Parts(data(), None, np.zeros(48))
    with pytest.raises(ValueError, match="must be positive for some"):
        model.fit(data(), epochs=1, verbose=0, validation_data=nothing)


def test_a_generator_has_weights_without_targets():
    weight = np.linspace(0.0, 1.0, 48)
    dataset = examples.from_batches(generated(Parts(data(), None, weight)))
    for number, (x, _, found) in enumerate(dataset.take(3)):
        rows = slice(16 * number, 16 * (number + 1))
        np.testing.assert_array_equal(x, data()[rows])
        np.testing.assert_array_equal(found, weight[rows])


@pytest.mark.parametrize("ending", [(), (None,), (None, None)])
def test_trailing_parts_that_are_none_are_left_out(ending):
    dataset = examples.from_batches(Parts(data(), *ending))
    assert isinstance(dataset.element_spec, tf.TensorSpec)


@pytest.mark.parametrize("parts", [(), (None,), (None, data())])
def test_batches_without_examples_are_refused(parts):
    with pytest.raises(ValueError, match="Received a batch without x"):
        examples.from_batches(Parts(*parts))


def test_a_class_rbm_is_refused_weights_without_labels():
    model = ClassRBM(3, 2, 4, seed=0)
    model.compile("sgd", run_eagerly=True)
    weight = np.linspace(0.0, 1.0, 48)
    with pytest.raises(ValueError, match=r"\(x, y\) whose labels are integers"):
        model.fit(Parts(data()[:, :3], None, weight), epochs=1, verbose=0)
    # Rows of features and labels need no targets.
    rows = np.concatenate([data()[:, :3], np.eye(2)[[0, 1] * 24]], axis=1)
    model.fit(Parts(rows, None, weight), epochs=1, verbose=0)
    mean = np.average(rows, axis=0, weights=weight)
    np.testing.assert_allclose(model.data_mean, mean, rtol=1e-6)


def test_a_generator_that_gives_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one batch"):
        examples.from_batches(x for x in ())


# Other forms of the same examples.


@pytest.fixture
def on_disk(tmp_path):
    """Function that maps an array of a file into memory."""

    def mapped(x):
        np.save(tmp_path / "x.npy", x)
        return np.load(tmp_path / "x.npy", mmap_mode="r")

    return mapped


FORMS = {
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "coo": lambda x: sparse.coo_array(x.astype("int8")),
    "lil": sparse.lil_matrix,
    "int8": lambda x: x.astype("int8"),
    "uint64": lambda x: x.astype("uint64"),
    "bool": lambda x: x.astype(bool),
    "on_disk": None,
    "rounded": rounded,
    "rounded_float64": lambda x: x.astype("float64") * (1 + 2**-52),
    "rounded_csr": lambda x: sparse.csr_array(x * 1.0000001),
    "rounded_tensor": lambda x: tf.constant(rounded(x)),
    "pictures": lambda x: x.reshape(48, 5, 1),
    "grey_pictures": lambda x: x.reshape(48, 1, 5, 1),
}


@pytest.fixture(scope="module")
def looked_at():
    """A model that has learned from dense examples, and what it says."""
    model = RBM(5, 4, PersistentChain(7), seed=0)
    model.compile("sgd", run_eagerly=True)
    model.fit(data(), epochs=1, batch_size=16, verbose=0)
    return model, answers(model, data())


def answers(model, x):
    z = model.log_partition("exact")
    return {
        "predict": model.predict(x, verbose=0),
        "evaluate": model.evaluate(x, verbose=0, batch_size=16),
        "weighted": model.evaluate(
            x, sample_weight=np.arange(48.0), verbose=0, batch_size=16
        ),
        "free_energy": model.free_energy(x),
        "predict_hidden": model.predict_hidden(x),
        "call": model(x) if not sparse.issparse(x) else model.predict_hidden(x),
        "reconstruction": model.predict_reconstruction(x),
        "log_likelihood": model.log_likelihood(x, log_partition=z).scores,
        "pseudo": model.pseudo_log_likelihood(x),
        "reconstruct": model.reconstruct(x, seed=0),
        "inpaint": model.inpaint(x, np.eye(5, dtype=bool)[0], 3, seed=0),
    }


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_the_same_examples_are_measured_alike(
    looked_at, on_disk, form
):
    model, expected = looked_at
    x = (FORMS[form] or on_disk)(data())
    for name, found in answers(model, x).items():
        np.testing.assert_allclose(
            found, expected[name], rtol=1e-6, err_msg=name
        )


def lesson(x):
    """All variables of a model that has learned from `x`, and its history."""
    model = RBM(5, 4, PersistentChain(7), seed=0)
    model.compile(run_eagerly=True)
    history = model.fit(
        x,
        epochs=2,
        batch_size=20,
        validation_split=0.25,
        sample_weight=np.linspace(0.5, 1.0, 48),
        verbose=0,
    )
    return states_of(model), history.history


@pytest.fixture(scope="module")
def dense_lesson():
    return lesson(data())


@pytest.mark.parametrize("form", ["csr", "on_disk", "pictures", "bool"])
def test_all_forms_of_the_same_examples_teach_the_same(
    dense_lesson, on_disk, form
):
    expected, expected_history = dense_lesson
    states, history = lesson((FORMS[form] or on_disk)(data()))
    for x, y in zip(states, expected, strict=True):
        np.testing.assert_array_equal(x, y)
    assert history.keys() == expected_history.keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, expected_history[name], rtol=1e-6)


@pytest.mark.slow
def test_blocks_of_sparse_rows_are_those_of_dense_ones():
    models = [RBM(5, 4, PersistentChain(7), seed=0) for _ in range(2)]
    for model, x in zip(
        models, (data(), sparse.csr_array(data())), strict=True
    ):
        model.compile("sgd")
        model.fit(x, epochs=1, batch_size=20, verbose=0)
    for x, y in zip(*map(states_of, models), strict=True):
        np.testing.assert_array_equal(x, y)


def test_sparse_validation_data():
    found = []
    for x in (data(), sparse.csr_array(data())):
        model = RBM(5, 4, PersistentChain(7), seed=0)
        model.compile("sgd", run_eagerly=True)
        history = model.fit(x, epochs=1, validation_data=(x[:9],), verbose=0)
        found.append(history.history["val_reconstruction_error"])
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_integer_categories_of_softmax_units():
    x = np.random.default_rng(0).integers(0, 3, (48, 2)).astype("uint8")
    hot = data_lib.one_hot(x, 3)
    models = [RBM(Softmax(2, 3), 4, seed=0) for _ in range(2)]
    for model, v in zip(models, (x, hot), strict=True):
        model.compile("sgd", run_eagerly=True)
        model.fit(v, epochs=1, verbose=0)
    for one, other in zip(*map(states_of, models), strict=True):
        np.testing.assert_array_equal(one, other)
    model = models[0]
    for same in (x, hot, hot.reshape(48, 2, 3), sparse.csr_array(x)):
        np.testing.assert_allclose(
            model.free_energy(same), model.free_energy(hot), rtol=1e-6
        )
    x[7, 1] = 3
    with pytest.raises(ValueError, match=r"from 0 to 2, .*x\[7, 1\]=3"):
        model.fit(x, epochs=1, verbose=0)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float16"])
def test_spins_of_any_type(dtype):
    spins = (2 * data() - 1).astype(dtype)
    found = moments(spins, Spin(5))[0]
    np.testing.assert_allclose(found, 2 * moments(data(), UNITS)[0] - 1)


def test_labels_stand_beside_sparse_features():
    x, y = sparse.csr_array(data()), np.arange(48) % 2
    models = [ClassRBM(5, 2, 4, seed=0) for _ in range(2)]
    for model, v in zip(models, (x, data()), strict=True):
        model.compile("sgd", run_eagerly=True)
        model.fit(
            v,
            y,
            epochs=1,
            class_weight={0: 2.0},
            validation_split=0.25,
            verbose=0,
        )
    for one, other in zip(*map(states_of, models), strict=True):
        np.testing.assert_array_equal(one, other)
    dense, other = (models[0].classify(v) for v in (data(), x))
    np.testing.assert_array_equal(dense, other)


def test_sparse_matrices_are_checked():
    x = sparse.csr_array(data())
    for value in (np.nan, 2.0):
        x.data[-1] = value
        row = np.flatnonzero(np.diff(x.indptr))[-1]
        with pytest.raises(ValueError, match=rf"x\[{row}, \d\]={value}"):
            examples.check(x, UNITS, "x")
    with pytest.raises(ValueError, match=r"x\.shape=\(48, 4\)"):
        examples.check(x[:, :4], UNITS, "x")
    with pytest.raises(ValueError, match="must hold real numbers"):
        examples.check(x.astype(complex), UNITS, "x")
    with pytest.raises(ValueError, match="at least one example"):
        examples.check(x[:0], UNITS, "x")


def test_offenders_are_counted_over_all_parts():
    x = np.zeros((2500, 5))
    x[[1700, 2400], 3] = 7
    with pytest.raises(ValueError, match=r"2 of 12500 .*x\[1700, 3\]=7"):
        examples.check(x, UNITS, "x")
    with pytest.raises(ValueError, match=r"x\[1700, 3\]=0.5 *$"):
        list(examples.states(np.minimum(x, 0.5), UNITS, 100, "x"))


def test_sparse_rows_are_never_dense_as_a_whole():
    x = sparse.random_array((1000, 50_000), density=1e-3, rng=0, format="csr")
    units = Bernoulli(50_000)
    tracemalloc.start()
    rows = examples.resolved(x, units, "x")
    moments(rows, units)
    for batch in examples.in_order(rows, 100):
        assert batch.shape == (100, 50_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(rows, Rows)
    assert peak < 150 * 2**20  # The dense matrix has 400 MB.
