import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import blocks as blocks_lib

X = np.arange(23, dtype="float32")[:, None] * np.ones((1, 2), "float32")


def rows_of(dataset):
    return [x[:, 0].astype(int) for x in dataset.as_numpy_iterator()]


def test_an_epoch_is_a_pass_whose_last_batch_is_smaller():
    passes = blocks_lib.passes(23, 5, None, seed=0, first_update=0)
    assert passes.updates == 5
    found = rows_of(blocks_lib.of_arrays(X, passes, (0, 2)))
    assert [len(rows) for rows in found] == [5, 5, 5, 5, 3] * 2
    first, second = (np.concatenate(found[i : i + 5]) for i in (0, 5))
    for rows in (first, second):
        assert sorted(rows) == list(range(23))
    assert (first != second).any()


def test_the_order_follows_from_the_seed_and_the_updates():
    def order(seed, first_update, epochs):
        passes = blocks_lib.passes(23, 5, None, seed, first_update)
        return np.concatenate(rows_of(blocks_lib.of_arrays(X, passes, epochs)))

    np.testing.assert_array_equal(order(0, 0, (1, 2)), order(0, 5, (0, 1)))
    assert (order(0, 0, (0, 1)) != order(1, 0, (0, 1))).any()
    np.testing.assert_array_equal(order(None, 0, (0, 1)), np.arange(23))
    # The largest seed of a model.
    assert sorted(order(2**64 - 1, 0, (0, 1))) == list(range(23))


@pytest.mark.parametrize("seed", [0, None])
@pytest.mark.parametrize("steps_per_epoch", [None, 9])
def test_any_number_of_epochs_may_be_planned(
    steps_per_epoch, seed, monkeypatch
):
    passes = blocks_lib.passes(23, 5, steps_per_epoch, seed, first_update=7)
    expected = rows_of(blocks_lib.of_arrays(X, passes, (1, 4)))
    monkeypatch.setattr(blocks_lib, "_MOST_PLANS", 2)
    found = rows_of(blocks_lib.of_arrays(X, passes, (1, 4)))
    assert len(found) == len(expected) == 3 * passes.updates
    for rows, others in zip(found, expected, strict=True):
        np.testing.assert_array_equal(rows, others)


@pytest.mark.parametrize("steps_per_epoch", [3, 4, 9])
def test_passes_go_on_over_the_ends_of_epochs(steps_per_epoch):
    passes = blocks_lib.passes(23, 5, steps_per_epoch, seed=0, first_update=0)
    found = rows_of(blocks_lib.of_arrays(X, passes, (0, 4)))
    assert len(found) == 4 * steps_per_epoch
    for first in range(0, len(found) - 3, 4):
        a_pass = np.concatenate(found[first : first + 4])
        assert len(set(a_pass)) == 20


@pytest.mark.parametrize("steps", [2, 3, 5])
@pytest.mark.parametrize("size", [5, 23])
def test_blocks_hold_the_batches(steps, size):
    passes = blocks_lib.passes(23, size, None, seed=0, first_update=0)
    arrays = (X, np.zeros(23), np.arange(23.0))
    plain = blocks_lib.of_arrays(arrays, passes, (0, 2))
    blocks = blocks_lib.of_arrays(arrays, passes, (0, 2), steps)
    found = []
    for block in blocks:
        assert tf.nest.flatten(block.batches)[0].shape == (steps, size, 2)
        x, _, weight = block.batches
        for i in range(int(block.count)):
            found.append((x[i].numpy(), weight[i].numpy()))
        if bool(block.with_rest):
            x, _, weight = block.rest
            found.append((x.numpy(), weight.numpy()))
    expected = [(x, weight) for x, _, weight in plain.as_numpy_iterator()]
    assert len(found) == len(expected) == 2 * passes.updates
    for one, other in zip(found, expected, strict=True):
        for x, y in zip(one, other, strict=True):
            np.testing.assert_array_equal(x, y)
    rest = blocks_lib.of_arrays(arrays, passes, (0, 2), steps, skip=1)
    calls = -(-passes.updates // steps)
    assert len(list(rest)) == 2 * calls - 1


def test_a_data_set_with_an_end_comes_again_in_blocks():
    dataset = tf.data.Dataset.from_tensor_slices(X[:20]).batch(
        4, drop_remainder=True
    )
    blocks = list(blocks_lib.of_finite(dataset, 2).take(6))
    assert [int(block.count) for block in blocks] == [2, 2, 1] * 2
    rows = [
        block.batches[i, :, 0].numpy()
        for block in blocks
        for i in range(int(block.count))
    ]
    np.testing.assert_array_equal(np.concatenate(rows), [*range(20)] * 2)


@pytest.mark.parametrize("done", [0, 2, 4])
def test_blocks_of_a_data_set_without_an_end_end_with_the_epoch(done):
    dataset = tf.data.Dataset.range(done, 100).batch(1)
    blocks = list(
        blocks_lib.of_endless(dataset, 2, updates=5, done=done).take(7)
    )
    counts = ([2, 2, 1] * 4)[done // 2 :][:7]
    assert [int(block.count) for block in blocks] == counts
    rows = [
        block.batches[i, 0].numpy()
        for block in blocks
        for i in range(int(block.count))
    ]
    np.testing.assert_array_equal(rows, done + np.arange(sum(counts)))


def test_blocks_are_bounded():
    assert blocks_lib.block_size(100, 1000) == 50
    assert blocks_lib.block_size(100, 7) == 7
    assert blocks_lib.block_size(2**24, 1000) == 4
