"""Networks of several RBMs, and their training."""

from keras_rbm.budget import steps_per_execution as steps_per_execution
from keras_rbm.networks.dbm_pretraining import join_dbm as join_dbm
from keras_rbm.networks.dbm_pretraining import pretrain_dbm as pretrain_dbm
from keras_rbm.networks.dbm_pretraining import split_dbm as split_dbm
from keras_rbm.networks.deep_belief_network import (
    DeepBeliefNetwork as DeepBeliefNetwork,
)
from keras_rbm.networks.deep_belief_network import layer_seed as layer_seed
from keras_rbm.networks.lower_layers import LowerLayers as LowerLayers
from keras_rbm.networks.lower_layers import PictureOfLayer as PictureOfLayer
from keras_rbm.networks.pretraining import pretrain as pretrain
from keras_rbm.networks.pretraining import tie as tie
