"""What a deep Boltzmann machine reports while it trains."""

from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import replicas
from keras_rbm.models import mean_field
from keras_rbm.models.metrics import Metrics


class DBMMetrics(Metrics):
    """The figures of `Metrics`, of v alone, after mean field.

    - `loss`: the bound of mean field on the free energy of the data, less the
      mean free energy of the chains, in nats.
    - `reconstruction_error`: mean squared difference of v and its mean given
      E[h1].
    - `hidden_activity`: mean of E[h1] given the data.

    Args:
        visible: The `Composite` of v and the top layer.
    """

    names = ("loss", "reconstruction_error", "hidden_activity")

    def values(self, machine, v, inputs, v_model, stream):
        width = machine.visible.parts[0].width
        h1 = machine.hidden.mean(inputs, machine.hidden_params)
        error = (v - machine_lib.visible_mean(machine, h1))[:, :width]
        chains = replicas.mean(machine_lib.free_energy(machine, v_model))
        return {
            "loss": -mean_field.bound(machine, v) - chains,
            "reconstruction_error": ops.mean(ops.square(error), axis=1),
            "hidden_activity": ops.mean(h1, axis=1),
        }
