import keras
import pytest

from keras_rbm import RBM, Bernoulli, PersistentChain
from tests import made_up_family


@pytest.fixture(scope="module")
def family():
    return made_up_family.draw()


@pytest.fixture(scope="module")
def rbm(family):
    return RBM(
        family.units,
        Bernoulli(4),
        PersistentChain(10),
        kernel_initializer=keras.initializers.RandomNormal(0, 0.7, 1),
        visible_bias_initializer=keras.initializers.Constant(family.fields()),
        seed=0,
    )
