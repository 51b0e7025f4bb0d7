"""Networks of several RBMs, and how they are trained."""

from keras_rbm.networks.arguments import (
    steps_per_execution as steps_per_execution,
)
from keras_rbm.networks.deep_belief_network import (
    DeepBeliefNetwork as DeepBeliefNetwork,
)
from keras_rbm.networks.halves import halves as halves
from keras_rbm.networks.halves import join as join
from keras_rbm.networks.halves import pretrain_halves as pretrain_halves
from keras_rbm.networks.lower import Lower as Lower
from keras_rbm.networks.passes import layer_seed as layer_seed
from keras_rbm.networks.pretraining import pretrain as pretrain
from keras_rbm.networks.tied import tie as tie
