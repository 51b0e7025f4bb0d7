import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Binomial, Softmax, Spin
from keras_rbm.units.sites import Sites, joint_index

SITES = {
    "softmax": Softmax(3, 4).sites[0],
    "spin": Spin(3).sites[0],
    "binomial": Binomial(3, 5).sites[0],
    "pairs": Sites(2, 3, np.array([[0.0, 1.0], [2.0, 0.5], [-1.0, -1.0]])),
}


@pytest.mark.parametrize("kind", SITES)
def test_own_is_the_nearest_state(kind):
    sites = SITES[kind]
    x = np.random.default_rng(0).normal(1.0, 2.0, (50, sites.end + 1))
    block = x[:, sites.first : sites.end].reshape(50, 3, 1, sites.columns)
    expected = np.square(block - sites.states).sum(axis=3).argmin(axis=2)
    assert len(np.unique(expected)) == len(sites.states)
    np.testing.assert_array_equal(sites.own(tf.constant(x)), expected)
    np.testing.assert_array_equal(
        sites.nearest(tf.constant(x)), sites.states[expected].reshape(50, -1)
    )


def test_of_states_that_are_as_near_it_is_the_first():
    grey = [*[0.25] * 4, 0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.5, 0.5]
    own = SITES["softmax"].own(tf.constant([grey]))
    np.testing.assert_array_equal(own, [[0, 1, 2]])
    np.testing.assert_array_equal(
        SITES["binomial"].own(tf.constant([[0.5, 1.5, 4.5]])), [[0, 1, 4]]
    )


@pytest.mark.parametrize("kind", ["softmax", "pairs"])
def test_memory_is_not_quadratic_in_a_unit(kind):
    sites = SITES[kind]

    def size_of(columns):
        big = sites._replace(
            states=np.eye(columns)
            if kind == "softmax"
            else np.random.default_rng(0).normal(size=(columns, columns))
        )
        spec = tf.TensorSpec((7, big.end), "float32")
        graph = tf.function(big.nearest).get_concrete_function(spec).graph
        outputs = [x for op in graph.get_operations() for x in op.outputs]
        return max(x.shape.num_elements() for x in outputs) / 7

    # Unless of the constant states, of which there is one set for all rows.
    for columns in (8, 16):
        assert size_of(columns) <= max(sites.size * columns + 2, columns**2 / 7)


@pytest.mark.parametrize("kind", SITES)
def test_the_columns_of_one_unit_are_placed_in_a_row(kind):
    sites = SITES[kind]
    rng = np.random.default_rng(0)
    block = rng.normal(size=(20, sites.columns)).astype("float32")
    site = rng.integers(0, 3, 20)
    expected = np.zeros((20, sites.end + 2))
    for row, number in enumerate(site):
        first = sites.first + number * sites.columns
        expected[row, first : first + sites.columns] = block[row]
    found = sites.scatter(tf.constant(block), tf.constant(site), sites.end + 2)
    np.testing.assert_array_equal(found, expected)


def test_joint_states_have_indices_in_slices():
    """The last unit changes fastest."""
    counts = [2, 3, 1, 2]
    expected = np.array(list(np.ndindex(*counts))).T
    np.testing.assert_array_equal(joint_index(counts, 0, 12), expected)
    for first, end in ((0, 5), (5, 6), (7, 12)):
        found = joint_index(counts, first, end)
        np.testing.assert_array_equal(found, expected[:, first:end])
    assert joint_index([], 0, 1) == ()
