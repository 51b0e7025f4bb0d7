"""What an RBM reports while it trains."""

import keras
from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import replicas
from keras_rbm.likelihood import (
    pseudo_likelihood_is_defined,
    stochastic_pseudo_log_likelihood,
)

# Sites of the pseudo-likelihood for each example: few enough to be cheap.
_NUM_SITES = 5


class Metrics:
    """Running means of the figures that say how learning goes.

    - `loss`: the free-energy gap, mean F(v) - mean F(v_model), in nats. Its
      gradient is what is followed; it is *not* a likelihood.
    - `reconstruction_error`: mean squared difference of v and its mean-field
      reconstruction.
    - `cross_entropy`: -log p(v | h = E[h | v]), in nats per example.
    - `pseudo_log_likelihood`: N log p(v_i | v_-i) at five random sites i of
      each example, in nats per example; for visible units with a list of
      states, to which data in between are rounded.
    - `hidden_activity`: mean of E[h | v].

    Args:
        visible: `Units` of the visible side.
    """

    names = (
        "loss",
        "reconstruction_error",
        "cross_entropy",
        "pseudo_log_likelihood",
        "hidden_activity",
    )

    def __init__(self, visible):
        names = list(self.names)
        if not pseudo_likelihood_is_defined(visible):
            names = [n for n in names if n != "pseudo_log_likelihood"]
        self.means = {name: keras.metrics.Mean(name=name) for name in names}

    @property
    def seen(self):
        """How many examples (their weight) have come since the reset."""
        return self.means["loss"].count.value

    def update(self, machine, v, v_model, weight, stream):
        """Takes in some examples.

        Args:
            machine: A `Machine`.
            v: Tensor of shape `(batch, visible.width)`.
            v_model: Tensor of shape `(chains, visible.width)`, samples of the
                model.
            weight: Tensor of shape `(batch,)`, or `None` for ones.
            stream: A `Stream`, for the sites of the pseudo-likelihood.
        """
        inputs = machine_lib.hidden_inputs(machine, v)
        values = self.values(machine, v, inputs, v_model, stream)
        for name, value in values.items():
            self.means[name].update_state(value, weight)

    def values(self, machine, v, inputs, v_model, stream):
        """Returns `{name: tensor of shape (batch,)}`, of each example.

        Args are those of `update`, and `inputs` the hidden inputs of `v`.
        """
        visible, params = machine.visible, machine.visible_params
        hidden = machine.hidden.mean(inputs, machine.hidden_params)
        visible_inputs = machine_lib.visible_inputs(machine, hidden)
        error = v - visible.mean(visible_inputs, params)
        values = {
            "loss": machine_lib.free_energy(machine, v, inputs)
            - replicas.mean(machine_lib.free_energy(machine, v_model)),
            "reconstruction_error": ops.mean(ops.square(error), axis=1),
            "cross_entropy": visible.energy(v, params)
            - ops.sum(v * visible_inputs, axis=-1)
            + visible.log_partition(visible_inputs, params),
            "hidden_activity": ops.mean(hidden, axis=1),
        }
        if "pseudo_log_likelihood" in self.means:
            values["pseudo_log_likelihood"] = stochastic_pseudo_log_likelihood(
                machine, visible.nearest(v), stream, _NUM_SITES
            )
        return values

    def results(self):
        """Returns `{name: mean since the reset}`."""
        return {name: mean.result() for name, mean in self.means.items()}
