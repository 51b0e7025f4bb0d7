import pytest
import tensorflow as tf

from keras_rbm import (
    Chain,
    ContrastiveDivergence,
    PersistentChain,
    random,
)
from tests.machines import machine
from tests.oracle import Oracle

MACHINE = machine(Oracle.draw(5, 4, seed=1))


@pytest.mark.parametrize("chain", [ContrastiveDivergence, PersistentChain])
@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None, True])
def test_numbers_of_sweeps_are_positive_integers(chain, value):
    with pytest.raises(ValueError, match=r"`num_sweeps` .* Received: num_sw"):
        chain(num_sweeps=value)


def test_a_chain_must_say_how_it_moves():
    with pytest.raises(TypeError, match=r"abstract .*advance.*samples"):
        Chain()


class Still(Chain):
    """The data as samples."""

    def advance(self, machine, v_data, stream):
        return v_data

    samples = advance


def test_a_chain_need_not_keep_anything():
    chain = Still(num_sweeps=2)
    chain.build((None, 5), (None, 4))
    assert chain.start(MACHINE, random.stream(0)) is None
    assert chain.model_weight(MACHINE, tf.zeros((3, 5))) is None
    assert chain.persist(MACHINE, tf.zeros((3, 4)), random.stream(0)) is None
    assert [variable.name for variable in chain.variables] == ["num_sweeps"]
    assert int(chain.num_sweeps) == 2


def test_a_plain_value_takes_the_place_of_no_variable():
    chain = PersistentChain(num_chains=3, num_sweeps=2)
    with pytest.raises(ValueError, match=r"to the constructor\. .*=5"):
        chain.num_sweeps = 5
    chain.build((None, 5), (None, 4))
    for name, value in {"num_sweeps": 5, "particles": tf.zeros((3, 5))}.items():
        with pytest.raises(ValueError, match=rf"`chain.{name}.assign\("):
            setattr(chain, name, value)
    chain.num_sweeps.assign(5)
    assert int(chain.num_sweeps) == 5
    assert tuple(chain.particles.shape) == (3, 4)
