"""How states of the visible units are moved on: Gibbs sampling, or tempered."""

from keras_rbm.samplers.base import Clamp as Clamp
from keras_rbm.samplers.base import Sampler as Sampler
from keras_rbm.samplers.gibbs import Gibbs as Gibbs
from keras_rbm.samplers.gibbs import check as check
from keras_rbm.samplers.tempered import Tempered as Tempered
