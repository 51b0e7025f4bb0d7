"""Chains, which supply the samples of the negative phase of an update."""

from keras_rbm.chains.base import Chain as Chain
from keras_rbm.chains.contrastive_divergence import (
    ContrastiveDivergence as ContrastiveDivergence,
)
from keras_rbm.chains.exact import ExactChain as ExactChain
from keras_rbm.chains.no_chain import NoChain as NoChain
from keras_rbm.chains.persistent import PersistentChain as PersistentChain
from keras_rbm.chains.persistent import TemperedChain as TemperedChain
