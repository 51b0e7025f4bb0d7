"""A network as a SavedModel, which is served without this package."""

from keras import ops

from keras_rbm import gibbs
from keras_rbm.models import sampling
from keras_rbm.models import serving as serving_lib
from keras_rbm.models.sampling_methods import HIDDEN, VISIBLE
from keras_rbm.networks.passes import layer_seed
from keras_rbm.units import Units


class Serving(serving_lib.Serving):
    """Export of a stack of RBMs: the way up, and samples from its top.

    A part of `DeepBeliefNetwork`, which has the `rbms`. The endpoints are
    those of an RBM. `features` gives what a call gives; `sample` gives v
    after draws up to the visible side of the topmost RBM, so many sweeps of
    Gibbs sampling there, and draws down. Its draws are those of

        h = DeepBeliefNetwork(network.rbms[:-1]).sample_up(v, seed)
        network.sample(None, num_sweeps, seed, start=h)

    and of `network.sample(None, num_sweeps, seed, start=v)` of one layer.
    """

    @property
    def example_units(self) -> Units:
        """`Units` that examples are states of."""
        return self.visible

    def _served_sample(self, v, num_sweeps, seed):
        *lower, top = self.rbms
        for number, rbm in enumerate(lower):
            stream = sampling.stream(layer_seed(seed, number), HIDDEN)
            v = gibbs.sample_hidden(
                rbm.machine(), rbm.machine_states(v), stream
            )
        v = top._served_sample(v, num_sweeps, seed)
        for number, rbm in reversed([*enumerate(lower)]):
            stream = sampling.stream(layer_seed(seed, number), VISIBLE)
            h = ops.cast(v, rbm.variable_dtype)
            v = gibbs.sample_visible(rbm.machine(), h, stream)
        return v
