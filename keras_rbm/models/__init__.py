"""Models: Keras's face of the machines."""

from keras_rbm.models.averaging import averaged_weights as averaged_weights
from keras_rbm.models.class_rbm import ClassRBM as ClassRBM
from keras_rbm.models.deep_boltzmann_machine import (
    DeepBoltzmannMachine as DeepBoltzmannMachine,
)
from keras_rbm.models.rbm import RBM as RBM
