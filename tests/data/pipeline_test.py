import itertools

import h5py
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from keras_rbm.data import (
    batches,
    binarized,
    in_order,
    one_hot,
    pipeline,
    to_float,
)
from keras_rbm.rows import Rows
from tests import hostile


def take(dataset, count):
    return next(dataset.take(count).batch(count).as_numpy_iterator())


def numbered(count, width=3):
    """Examples that tell which they are: row i begins with i."""
    x = np.zeros((count, width), np.float32)
    x[:, 0] = np.arange(count)
    return x


@pytest.fixture
def intensities():
    return np.random.default_rng(0).integers(0, 256, (23, 7), np.uint8)


def test_batches_have_a_static_shape_and_no_end(intensities):
    dataset = batches(intensities, 5)
    assert dataset.element_spec == tf.TensorSpec((5, 7), tf.float32)
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY


@pytest.mark.parametrize("binarize", ["none", "stochastic", "threshold"])
@pytest.mark.parametrize("batch_size", [4, 23])
def test_a_run_resumes_at_any_step(intensities, binarize, batch_size):
    stream = take(batches(intensities, batch_size, binarize, 3), 30)
    for step in (1, 4, 5, 17, 29):
        dataset = batches(intensities, batch_size, binarize, 3, step)
        np.testing.assert_array_equal(take(dataset, 30 - step), stream[step:])


@pytest.mark.parametrize("num_examples", [2, 3000])
def test_a_run_resumes_far_out(num_examples):
    x = numbered(num_examples)
    steps = 4 * 4096  # many blocks of shuffled epochs
    near = batches(x, num_examples // 2, first_step=steps - 3)
    far = batches(x, num_examples // 2, first_step=steps)
    np.testing.assert_array_equal(take(near, 7)[3:], take(far, 4))
    huge = batches(x, 2, "none", 2**63 - 1, 2**62)
    assert take(huge, 2).shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("num_examples", "batch_size"),
    [(12, 4), (23, 5), (1, 1), (9, 9), (5000, 999)],
)
def test_an_epoch_has_every_example_once_but_the_remainder(
    num_examples, batch_size
):
    length = num_examples // batch_size
    stream = take(batches(numbered(num_examples), batch_size), 6 * length)
    epochs = stream[:, :, 0].reshape(6, length * batch_size)
    for epoch in epochs:
        assert len(set(epoch)) == length * batch_size
        assert set(epoch) <= set(range(num_examples))
    if num_examples > 9:
        for a, b in itertools.combinations(epochs, 2):
            assert (a != b).any()
    if num_examples % batch_size:
        assert len({frozenset(epoch) for epoch in epochs}) > 1


def test_every_order_is_equally_likely():
    epochs = take(batches(numbered(4), 4), 24_000)[:, :, 0].astype(int)
    _, counts = np.unique(epochs @ [64, 16, 4, 1], return_counts=True)
    assert len(counts) == 24
    error = np.sqrt(24_000 * (1 / 24) * (23 / 24))
    assert np.abs(counts - 1000).max() < 4 * error
    # Nor does one tell the next: of two orders, the number of places that
    # agree has mean 1 and variance 1.
    same = (epochs[1:] == epochs[:-1]).sum(axis=1)
    assert abs(same.mean() - 1) < 4 / np.sqrt(len(same))


def test_streams_are_the_same_for_ever():
    found = take(batches(numbered(7), 3), 4)[:, :, 0]
    np.testing.assert_array_equal(
        found, [[5, 6, 2], [4, 1, 0], [0, 1, 6], [5, 2, 3]]
    )
    x = np.full((2, 9), 0.5)
    np.testing.assert_array_equal(
        binarized(x, "stochastic"),
        [[0, 0, 1, 1, 0, 1, 1, 0, 1], [1, 1, 0, 1, 1, 1, 0, 1, 1]],
    )
    np.testing.assert_array_equal(
        take(batches(x[:1], 1, "stochastic"), 2)[:, 0],
        [[1, 1, 0, 1, 0, 1, 0, 1, 1], [1, 1, 0, 0, 1, 1, 1, 0, 1]],
    )


def test_the_seed_decides_the_order():
    x = numbered(50)
    stream = take(batches(x, 10, seed=1), 10)
    np.testing.assert_array_equal(take(batches(x, 10, seed=1), 10), stream)
    for seed in (0, 2, 1 + 2**8, 1 + 2**32):
        assert (take(batches(x, 10, seed=seed), 10) != stream).any()


def test_none_scales_as_to_float_does():
    x = np.arange(256, dtype=np.uint8)[None]
    np.testing.assert_array_equal(take(batches(x, 1), 1)[0], to_float(x))
    np.testing.assert_array_equal(binarized(x, "none"), to_float(x))
    y = np.array([[-1.5, 2.5, 1e30]])
    np.testing.assert_array_equal(
        take(batches(y, 1), 1)[0], y.astype(np.float32)
    )


def test_threshold_is_strict():
    expected = (np.arange(256) > 127.5).astype(np.float32)[None]
    x = np.arange(256, dtype=np.uint8)[None]
    np.testing.assert_array_equal(
        take(batches(x, 1, "threshold"), 1)[0], expected
    )
    x = np.array([[0, 0.5, np.nextafter(np.float32(0.5), 1), 1]], np.float32)
    np.testing.assert_array_equal(binarized(x, "threshold"), [[0, 0, 1, 1]])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_stochastic_pixels_have_the_intensity_as_mean(dtype):
    x = np.arange(256, dtype=np.uint8)[None]
    p = to_float(x)[0].astype(np.float64)
    x = x if dtype == np.uint8 else to_float(x)
    draws = take(batches(x, 1, "stochastic"), 4000)[:, 0]
    assert set(np.unique(draws)) == {0, 1}
    np.testing.assert_array_equal(draws[:, [0, 255]].mean(0), [0, 1])
    z = (draws.mean(0) - p)[1:-1] / np.sqrt(p * (1 - p) / 4000)[1:-1]
    # 254 z-values: their mean square is 1 with variance 2 / 254.
    assert abs(z.mean()) < 4 / np.sqrt(254)
    assert abs((z**2).mean() - 1) < 4 * np.sqrt(2 / 254)


def test_stochastic_pixels_are_independent():
    x = np.full((40, 25), 0.5)
    draws = take(batches(x, 40, "stochastic"), 40).reshape(40, 1000) - 0.5
    error = 0.25 / np.sqrt(draws.size)
    for other in (np.roll(draws, 1, 0), np.roll(draws, 1, 1)):
        assert abs((draws * other).mean()) < 4 * error
    halves = draws[:, ::2] * draws[:, 1::2]  # those that share 32 bits
    assert abs(halves.mean()) < 4 * 0.25 / np.sqrt(halves.size)


def test_stochastic_draws_are_fresh_and_follow_the_seed():
    x = np.full((6, 100), 0.5)
    draws = take(batches(x, 6, "stochastic", seed=5), 4)
    for a, b in itertools.combinations(draws, 2):
        assert (a != b).any()
    again = take(batches(x, 6, "stochastic", seed=5), 4)
    np.testing.assert_array_equal(draws, again)
    other = take(batches(x, 6, "stochastic", seed=6), 4)
    assert (draws != other).any()
    assert (draws[0] != binarized(x, "stochastic", seed=5)).any()


@pytest.mark.parametrize("batch_size", [1, 100, 1024, 1500, 5000])
@pytest.mark.parametrize("binarize", ["none", "stochastic", "threshold"])
def test_in_order_goes_through_everything_once(batch_size, binarize):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (1500, 3), np.uint8)
    dataset = in_order(x, batch_size, binarize, seed=2)
    found = list(dataset.as_numpy_iterator())
    assert {len(batch) for batch in found[:-1]} <= {batch_size}
    assert dataset.cardinality() == len(found) == -(-1500 // batch_size)
    rows = np.concatenate(found)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, binarized(x, binarize, seed=2))
    again = np.concatenate(list(dataset.as_numpy_iterator()))
    np.testing.assert_array_equal(rows, again)
    if binarize == "none":
        np.testing.assert_array_equal(rows, to_float(x))


def test_the_fixed_draw_does_not_depend_on_other_rows(intensities):
    x = np.repeat(intensities, 100, axis=0)
    rows = binarized(x, "stochastic")
    np.testing.assert_array_equal(
        binarized(x[:1100], "stochastic"), rows[:1100]
    )
    assert (rows[:1024] != rows[1024:2048]).any()
    assert (binarized(x, "stochastic", seed=1) != rows).any()
    p = to_float(x).mean(dtype=np.float64)
    error = np.sqrt((to_float(x) * (1 - to_float(x))).mean() / x.size)
    assert abs(rows.mean(dtype=np.float64) - p) < 4 * error


def test_batches_run_inside_a_compiled_loop(intensities):
    dataset = batches(intensities, 5)

    @tf.function
    def last(iterator, steps):
        batch = tf.zeros((5, 7))
        for _ in tf.range(steps):
            batch = next(iterator)
        return batch

    found = last(iter(dataset), tf.constant(9))
    np.testing.assert_array_equal(found, take(dataset, 9)[-1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be an integer from 1 .*=0"),
        ({"batch_size": 2.0}, "`batch_size` must be an integer"),
        ({"binarize": "maybe"}, "`binarize` must be one of .*binarize='maybe'"),
        ({"binarize": None}, "`binarize` must be one of .*binarize=None"),
        ({"seed": -1}, "`seed` must be an integer from 0 .*seed=-1"),
        ({"seed": 2**63}, "`seed` must be an integer from 0 to 2"),
        ({"x": np.zeros(4)}, "`x` must be a 2-D array"),
        ({"x": np.zeros((0, 4))}, "`x` must not be empty"),
        (
            {"x": np.full((4, 4), -2)},
            "`x` must be of type uint8.*from -2 to -2",
        ),
        ({"x": np.full((4, 4), np.inf)}, "`x` must be finite"),
        (
            {"x": np.full((4, 4), 1.1), "binarize": "stochastic"},
            "`x` must hold intensities from 0 to 1.*x from 1.1",
        ),
        (
            {"x": np.full((4, 4), -0.1), "binarize": "threshold"},
            "`x` must hold intensities from 0 to 1",
        ),
    ],
)
@pytest.mark.parametrize("function", [batches, in_order])
def test_wrong_arguments_are_refused(function, change, message):
    arguments = {"x": np.zeros((4, 3)), "batch_size": 2} | change
    with pytest.raises(ValueError, match=message):
        function(**arguments)


def test_wrong_steps_are_refused():
    with pytest.raises(ValueError, match=r"`first_step` must be an integer"):
        batches(np.zeros((4, 3)), 2, first_step=-1)


def test_more_than_all_examples_are_refused_for_training_only():
    x = np.zeros((4, 3), np.float32)
    with pytest.raises(ValueError, match=r"fewer examples than a batch.*=5"):
        batches(x, 5)
    assert len(list(in_order(x, 5))) == 1


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16])
def test_bits_of_any_type_are_used_as_they_are(dtype):
    x = np.random.default_rng(0).random((20, 8)) < 0.4
    for how in ("none", "threshold", "stochastic"):
        expected = binarized(x.astype("float32"), how, seed=3)
        np.testing.assert_array_equal(expected, x)
        np.testing.assert_array_equal(binarized(x.astype(dtype), how, 3), x)
        found, wanted = (
            take(batches(part, 5, how, seed=1), 4)
            for part in (x.astype(dtype), x.astype("float32"))
        )
        np.testing.assert_array_equal(found, wanted)


def as_spins(x):
    return 2 * x.astype("int8") - 1


@pytest.mark.parametrize("how", ["none", "stochastic"])
def test_all_forms_of_the_same_examples_give_the_same_batches(how, tmp_path):
    x = np.random.default_rng(0).random((20, 12)).astype("float32")
    x *= np.random.default_rng(1).random((20, 12)) < 0.5
    np.save(tmp_path / "x.npy", x)
    expected = take(batches(x, 5, how, seed=1), 5)
    in_one = binarized(x, how, seed=2)
    for same in (
        sparse.csr_array(x),
        sparse.coo_matrix(x),
        np.load(tmp_path / "x.npy", mmap_mode="r"),
        x.reshape(20, 3, 4),
        x.reshape(20, 3, 4, 1),
    ):
        np.testing.assert_array_equal(
            take(batches(same, 5, how, seed=1), 5), expected
        )
        np.testing.assert_array_equal(binarized(same, how, seed=2), in_one)


def test_intensities_on_the_disk_are_scaled(tmp_path):
    x = np.arange(24, dtype="uint8").reshape(4, 6)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        binarized(mapped, "none"), binarized(x, "none")
    )


def test_pictures_of_an_hdf5_file_stay_there(tmp_path):
    x = np.random.default_rng(0).random((6, 2, 3))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = x
        kept = pipeline._check(file["x"], "none", None)
        assert isinstance(kept, Rows)
        np.testing.assert_array_equal(
            binarized(file["x"], "none"), x.reshape(6, 6).astype("float32")
        )


def test_shares_with_rounding_errors_are_binarized():
    x = np.array([[-1e-7, 0.5], [1.0000001, 0.2]], "float32")
    assert batches(x, 2, "stochastic").bounds == (0.0, 1.0)
    np.testing.assert_array_equal(
        binarized(x, "threshold"), [[0.0, 0.0], [1.0, 0.0]]
    )


def test_spins_are_taken_as_they_are():
    x = as_spins(np.random.default_rng(0).random((20, 8)) < 0.4)
    np.testing.assert_array_equal(binarized(x, "none"), x)
    assert batches(x, 4).bounds == (-1.0, 1.0)
    with pytest.raises(ValueError, match="intensities from 0 to 1"):
        batches(x, 4, "stochastic")
    with pytest.raises(ValueError, match=r"-1 and 1.*data.one_hot"):
        batches(x - 1, 4)


@pytest.mark.parametrize("function", [batches, in_order])
def test_sparse_matrices_are_checked(function):
    x = sparse.csr_array(np.eye(4))
    x.data[2] = np.inf
    with pytest.raises(ValueError, match=r"1 such values in 1 of 4 rows"):
        function(x, 2)
    with pytest.raises(ValueError, match=r"must have two axes"):
        function(sparse.coo_array(np.ones(4)), 2)


@pytest.mark.parametrize("how", ["array", "sparse", "on_disk"])
def test_integer_categories_become_one_hot(how, tmp_path):
    x = np.random.default_rng(0).integers(0, 3, (8, 4))
    expected = take(batches(one_hot(x, 3), 3, seed=1), 6)
    if how == "sparse":
        x = sparse.csr_array(x)
    elif how == "on_disk":
        np.save(tmp_path / "x.npy", x)
        x = np.load(tmp_path / "x.npy", mmap_mode="r")
    dataset = batches(x, 3, seed=1, categories=3)
    assert dataset.element_spec == tf.TensorSpec((3, 12), tf.float32)
    np.testing.assert_array_equal(take(dataset, 6), expected)
    (ordered,) = in_order(x, 8, categories=3)
    assert ordered.shape == (8, 12)
    with pytest.raises(ValueError, match="integers from 0 to 1"):
        next(iter(batches(x, 3, categories=2)))
    with pytest.raises(ValueError, match='`binarize` must be "none" for categ'):
        batches(x, 3, "stochastic", categories=3)
    with pytest.raises(ValueError, match=r"by `categories` of keras_rbm\.data"):
        batches(x, 3)


@given(
    x=hostile.wrong_values(), how=st.sampled_from(["stochastic", "threshold"])
)
def test_what_is_no_intensity_is_not_binarized(x, how):
    hostile.told(lambda: batches(x, 4, how), "x")
    hostile.told(lambda: in_order(x, 4, how), "x")
