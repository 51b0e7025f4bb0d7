import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, Softmax, random
from keras_rbm.units import softmax
from tests.machines import assert_means, rounding
from tests.units import laws


def test_one_site_of_two_categories_is_a_binary_unit():
    bias = np.array([[0.3, -1.1], [0.0, 2.0]])
    mean = Softmax(2, 2).mean(
        tf.zeros((1, 4), "float64"), {"bias": tf.constant(bias.ravel())}
    )
    p = 1 / (1 + np.exp(bias[:, 1] - bias[:, 0]))
    np.testing.assert_allclose(
        tf.reshape(mean, (2, 2)),
        np.stack([p, 1 - p], 1),
        rtol=rounding("float64", 3.0, 10),
    )


def test_columns_and_states():
    unit = Softmax(3, 4)
    assert (unit.size, unit.categories, unit.width) == (3, 4, 12)
    np.testing.assert_array_equal(unit.states, np.eye(4))
    assert unit.num_joint_states == 64
    np.testing.assert_array_equal(
        unit.joint_states(tf.constant([27])),  # 123 to the base of 4.
        [np.eye(4)[[1, 2, 3]].ravel()],
    )


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("word", [0, 2**31, 2**32 - 1])
def test_the_ends_of_the_draws(monkeypatch, jit_compile, word):
    """Whatever u is: one category, and none that is impossible."""
    rows, size, categories = 2000, 2, 7
    monkeypatch.setattr(
        random,
        "bits",
        lambda stream, shape: tf.fill(shape, tf.constant(word, tf.uint32)),
    )
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(rows, size, categories), scale=5.0)
    logits[rng.random(logits.shape) < 0.5] = -1e4
    logits[..., 3] = 0.0
    unit = Softmax(size, categories)
    sample = tf.function(unit.sample, jit_compile=jit_compile, autograph=False)
    inputs = tf.constant(logits.reshape(rows, -1), "float32")
    x = sample(inputs, laws.starting(unit), random.stream(0)).numpy()
    assert set(np.unique(x)) == {0.0, 1.0}
    sites = x.reshape(rows, size, categories)
    np.testing.assert_array_equal(sites.sum(axis=2), 1.0)
    assert logits[sites == 1].min() > -1e4
    if word == 0:  # The first one that is possible.
        first = (logits > -80).argmax(axis=2)
        p = np.take_along_axis(
            unit.mean(inputs, laws.starting(unit)).numpy().reshape(sites.shape),
            first[..., None],
            2,
        )[..., 0]
        keep = p > 0
        assert (sites.argmax(axis=2)[keep] <= first[keep]).all()


def test_rounded_sums_draw_nothing_impossible(monkeypatch):
    """Cumulative sums may even fall, where a compiler adds in some order."""
    rng = np.random.default_rng(0)
    noise = tf.constant(rng.uniform(-0.1, 0.1, (5000, 1, 72)), tf.float32)
    cumsum = tf.cumsum
    monkeypatch.setattr(
        softmax.ops, "cumsum", lambda p, axis: cumsum(p, axis) + noise
    )
    z = np.tile([[-1e4, 0.0, -1e4, 1.0, 0.5, -1e4]], 12)
    unit = Softmax(1, 72)
    x = unit.sample(
        tf.constant(np.tile(z, (5000, 1)), tf.float32),
        laws.starting(unit),
        random.stream(0),
    ).numpy()
    np.testing.assert_array_equal(x.sum(axis=1), 1.0)
    np.testing.assert_array_equal(x.any(axis=0), z[0] > -1e4)


def test_draws_are_the_first_category_above_u():
    """In float64, for u that is not within a rounding of a sum."""
    unit, count = Softmax(3, 21), 2000
    z = np.random.default_rng(1).normal(size=(count, 63), scale=2)
    params, stream = laws.starting(unit), random.stream(2)
    inputs = tf.constant(z, tf.float32)
    p = np.asarray(unit.mean(inputs, params), "float64").reshape(-1, 3, 21)
    sums = p.cumsum(axis=2)
    u = np.asarray(random.uniform(stream, (count, 3)), "float64")[:, :, None]
    clear = (np.abs(sums - u) > 1e-6).all(axis=2)
    sample = tf.function(unit.sample, jit_compile=True, autograph=False)
    x = sample(inputs, params, stream).numpy().reshape(-1, 3, 21)
    assert clear.mean() > 0.99
    found, expected = x.argmax(axis=2), (u < sums).argmax(axis=2)
    np.testing.assert_array_equal(found[clear], expected[clear])
    np.testing.assert_array_equal(
        x, unit.sample(inputs, params, stream).numpy().reshape(x.shape)
    )


def test_draws_of_many_categories_have_their_frequencies():
    unit, count = Softmax(1, 100), 100_000
    z = np.random.default_rng(0).normal(size=100)
    x = unit.sample(
        tf.tile(tf.constant(z[None], tf.float32), (count, 1)),
        laws.starting(unit),
        random.stream(1),
    )
    assert_means(x, np.exp(z) / np.exp(z).sum(), errors=5)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ([0.0, 0.0, 0.0], 3),
        ([1.0, 1.0, 0.0], 3),
        ([0.5, 0.4, 0.0], 3),
        ([0.6, 0.6, -0.2], 5),
        ([0.0, 2.0, 0.0], 4),
        ([0.3, np.nan, 0.7], 4),
    ],
)
def test_sites_that_are_no_distribution_are_named(row, column):
    unit, x = Softmax(2, 3), np.tile([1.0, 0.0, 0.0], (4, 2))
    unit.check(x)
    x[2, 3:] = row
    with pytest.raises(
        ValueError,
        match=r"one-hot rows, or probabilities .* 3 columns of each site.*"
        rf"Received: x\[2, {column}\]=",
    ):
        unit.check(x)


def test_probabilities_are_data_but_no_states():
    unit = Softmax(1, 3)
    x = np.array([[0.2, 0.3, 0.50001], [0.0, 1.0, 0.0]])
    unit.check(x)
    with pytest.raises(ValueError, match=r"one-hot rows alone.*1 of 2"):
        unit.check_states(x)
    unit.check_states(x[1:])
    for kind in (bool, "uint8", "int64"):
        unit.check_states(x[1:].astype(kind))


def test_a_later_batch_that_is_no_distribution_is_refused():
    x = np.tile(np.eye(3, dtype="float32"), (4, 1))
    x[10] = [1.0, 1.0, 0.0]
    model = RBM(Softmax(1, 3), 2, seed=0)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    data = tf.data.Dataset.from_tensor_slices(x).batch(3)
    with pytest.raises(ValueError, match="one-hot rows, or probabilities"):
        model.fit(data, epochs=1, verbose=0)


def test_fitted_biases_are_finite_and_centred():
    bias = Softmax(2, 2).fit_parameters(np.array([1.0, 0.0, 0.5, 0.5]))["bias"]
    end = np.log(1000) / 2
    np.testing.assert_allclose(bias, [end, -end, 0, 0], atol=1e-12)


@pytest.mark.parametrize("value", [0, 1, 2.0, None, True])
def test_categories_are_two_or_more(value):
    with pytest.raises(ValueError, match=f"`categories` must be.*={value}"):
        Softmax(3, value)


def test_no_rows_have_no_draws():
    """As in a replica whose share of a batch is empty."""
    unit = Softmax(2, 3)
    params = {"bias": tf.zeros(6)}
    draws = unit.sample(tf.zeros((0, 6)), params, random.stream(0))
    assert draws.shape == (0, 6)


def test_floating_categories_are_refused_with_the_way_out():
    x = np.random.default_rng(0).integers(0, 3, (10, 4)).astype("float32")
    model = RBM(Softmax(4, 3), 2, seed=0)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    with pytest.raises(ValueError, match=r"keras_rbm.data.one_hot\(x, 3\)"):
        model.fit(x, epochs=1, verbose=0)
    with pytest.raises(ValueError, match=r"must have shape \(examples, 12\)"):
        model.fit(x + 0.5, epochs=1, verbose=0)
