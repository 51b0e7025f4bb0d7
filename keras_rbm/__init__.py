"""Restricted Boltzmann machines for Keras."""

import importlib as _importlib

try:
    import keras as _keras
except ModuleNotFoundError as _error:
    if _error.name != "tensorflow":
        raise
    raise ImportError(
        "keras_rbm needs TensorFlow. Install it with `pip install "
        '"keras_rbm[cpu]"`, or `pip install "keras_rbm[gpu]"` for GPUs.'
    ) from _error

if _keras.backend.backend() != "tensorflow":
    raise ImportError(
        "keras_rbm needs Keras on TensorFlow: set the environment variable "
        f"KERAS_BACKEND=tensorflow. It is {_keras.backend.backend()!r}."
    )

from keras_rbm.chains import Chain as Chain
from keras_rbm.chains import ContrastiveDivergence as ContrastiveDivergence
from keras_rbm.chains import ExactChain as ExactChain
from keras_rbm.chains import PersistentChain as PersistentChain
from keras_rbm.chains import TemperedChain as TemperedChain
from keras_rbm.constraints import SpectralBound as SpectralBound
from keras_rbm.constraints import ZeroSum as ZeroSum
from keras_rbm.models import RBM as RBM
from keras_rbm.models import ClassRBM as ClassRBM
from keras_rbm.models import DeepBoltzmannMachine as DeepBoltzmannMachine
from keras_rbm.models import FreshCompletion as FreshCompletion
from keras_rbm.models import PersistentCompletion as PersistentCompletion
from keras_rbm.models import RatingsRBM as RatingsRBM
from keras_rbm.models import averaged_weights as averaged_weights
from keras_rbm.networks import DeepBeliefNetwork as DeepBeliefNetwork
from keras_rbm.optimizers import AutoSGD as AutoSGD
from keras_rbm.regularizers import GroupLasso as GroupLasso
from keras_rbm.regularizers import SquaredCouplings as SquaredCouplings
from keras_rbm.regularizers import SquaredL1 as SquaredL1
from keras_rbm.samplers import Gibbs as Gibbs
from keras_rbm.samplers import LowRankTempering as LowRankTempering
from keras_rbm.samplers import StackedTempering as StackedTempering
from keras_rbm.samplers import Tempered as Tempered
from keras_rbm.samplers import TrajectoryTempering as TrajectoryTempering
from keras_rbm.schedules import HoldThenLinearDecay as HoldThenLinearDecay
from keras_rbm.sparsity import CrossEntropySparsity as CrossEntropySparsity
from keras_rbm.sparsity import SquaredSparsity as SquaredSparsity
from keras_rbm.units import *  # noqa: F403 (all types of units)
from keras_rbm.version import __version__ as __version__

# Imported at first use: some of these modules take long to import.
_LAZY = (
    "callbacks",
    "data",
    "evaluation",
    "experiment",
    "figures",
    "networks",
    "plots",
    "presets",
    "sklearn",
)


def __getattr__(name):
    if name in _LAZY:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY})
