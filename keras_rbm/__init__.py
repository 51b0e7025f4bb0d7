"""Restricted Boltzmann machines for Keras."""

from keras_rbm.chains import Chain as Chain
from keras_rbm.chains import ContrastiveDivergence as ContrastiveDivergence
from keras_rbm.chains import PersistentChain as PersistentChain
from keras_rbm.models import RBM as RBM
from keras_rbm.models import averaged_weights as averaged_weights
from keras_rbm.units import Bernoulli as Bernoulli
from keras_rbm.units import Units as Units

__version__ = "0.1.0"
