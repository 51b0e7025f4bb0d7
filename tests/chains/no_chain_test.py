"""A chain without samples, for objectives without a negative phase."""

import keras
import pytest
import tensorflow as tf

from keras_rbm import gradients, random, replicas
from keras_rbm.chains import NoChain
from tests.machines import data, machine
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
MACHINE = machine(ORACLE)


@pytest.mark.parametrize("name", ["advance", "samples"])
def test_samples_have_no_rows_and_the_width_of_the_data(name):
    for dtype in ("float32", "float64"):
        v = tf.constant(data(7), dtype)
        found = getattr(NoChain(), name)(MACHINE, v, random.stream(0))
        assert found.shape == (0, 5)
        assert found.dtype == dtype


def test_only_the_data_have_a_free_energy():
    chain, v = NoChain(), tf.constant(data(7))
    v_model = chain.advance(MACHINE, v, random.stream(0))
    batch = replicas.Batch(tf.ones(7), 7.0, 7.0, 1.0, 0)
    assert chain.num_samples(7.0) == 0
    gap, _ = gradients.free_energy_gap(
        MACHINE, v, v_model, negative=chain.negative(MACHINE, v_model, batch)
    )
    expected = ORACLE.free_energy(v.numpy()).mean()
    assert float(gap) == pytest.approx(expected, rel=1e-6)


def test_nothing_is_kept_but_the_number_of_sweeps():
    chain = NoChain()
    chain.build((None, 5), (None, 4))
    chain.start(MACHINE, random.stream(0))
    assert [variable.name for variable in chain.variables] == ["num_sweeps"]
    assert chain.num_chains is None
    assert chain.particles is None
    assert not chain.depends_on_batch


def test_config_round_trip():
    chain = NoChain(num_sweeps=3, name="none")
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(chain)
    )
    assert type(copy) is NoChain
    assert copy.get_config() == chain.get_config()
