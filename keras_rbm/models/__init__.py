"""Keras models of machines: RBM, class RBM and deep Boltzmann machine."""

from keras_rbm.models.base import MachineModel as MachineModel
from keras_rbm.models.class_rbm import ClassRBM as ClassRBM
from keras_rbm.models.deep_boltzmann_machine import (
    DeepBoltzmannMachine as DeepBoltzmannMachine,
)
from keras_rbm.models.missing import FreshCompletion as FreshCompletion
from keras_rbm.models.missing import (
    PersistentCompletion as PersistentCompletion,
)
from keras_rbm.models.ratings_rbm import RatingsRBM as RatingsRBM
from keras_rbm.models.rbm import RBM as RBM
from keras_rbm.models.weights import averaged_weights as averaged_weights
