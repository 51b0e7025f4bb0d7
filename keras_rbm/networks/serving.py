"""A network as a SavedModel, which is served without this package."""

from typing import Any

from keras import ops

from keras_rbm import gibbs
from keras_rbm.models import sampling, serving
from keras_rbm.networks.passes import layer_seed
from keras_rbm.random import Use
from keras_rbm.typing import Path
from keras_rbm.units import Units


class Serving:
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

    def export(
        self,
        filepath: Path,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: list[Any] | None = None,
        **kwargs,
    ) -> None:
        """Writes the network for inference: see `RBM.export`."""
        if input_signature is None:
            input_signature = serving.signature(self)
        if format != "tf_saved_model":
            super().export(filepath, format, verbose, input_signature, **kwargs)
            return
        endpoints = serving.endpoints(
            self, *input_signature, self._served_sample
        )
        serving.write_saved_model(self, endpoints, filepath, verbose, **kwargs)

    def _served_sample(self, v, num_sweeps, seed):
        *lower, top = self.rbms
        for number, rbm in enumerate(lower):
            stream = sampling.stream(
                layer_seed(seed, number), Use.SAMPLE_HIDDEN
            )
            v = gibbs.sample_hidden(
                rbm.machine(), rbm.machine_states(v), stream
            )
        v = serving.sample(top, v, num_sweeps, seed)
        for number, rbm in reversed([*enumerate(lower)]):
            stream = sampling.stream(
                layer_seed(seed, number), Use.SAMPLE_VISIBLE
            )
            h = ops.cast(v, rbm.variable_dtype)
            v = gibbs.sample_visible(rbm.machine(), h, stream)
        return v
