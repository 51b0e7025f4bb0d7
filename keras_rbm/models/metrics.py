"""Metrics of a model while it trains: running means over examples.

`MachineModel.test_step` (`base.py`) computes them.
"""

import abc

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


class Metrics(abc.ABC):
    """Running means that show how a model trains.

    Args:
        names: Names of the metrics, one of which is `"loss"`.
    """

    def __init__(self, names):
        self.means = {name: keras.metrics.Mean(name=name) for name in names}

    @abc.abstractmethod
    def values(self, machine, v, inputs, v_model, weight, stream, given):
        """Returns `{name: tensor of shape (batch,)}`, a value per example.

        Args:
            machine: A `Machine`.
            v: Tensor of shape `(batch, visible.width)`.
            inputs: Hidden inputs of `v`.
            v_model: Tensor of shape `(chains, visible.width)`, samples of the
                model.
            weight: The weights of the samples, `(chains,)`, or `None` if all
                are equal.
            stream: A `Stream`.
            given: The rows of the data, with NaN for missing entries, which
                `v` has draws of; `None` if no entry is missing.
        """

    def weight(self, name, given, weight):
        """The weights of the examples in one metric, or `None` for ones.

        Args:
            name: The metric's name.
            given: See `values`.
            weight: Tensor of shape `(batch,)`, or `None`.
        """
        return weight

    @property
    def seen(self):
        """The total weight of the examples since the last reset."""
        return self.means["loss"].count.value

    def update(
        self, machine, v, v_model, weight, stream, given=None, follows=False
    ):
        """Adds the metrics of some examples.

        Args:
            machine: A `Machine`.
            v: Tensor of shape `(batch, visible.width)`.
            v_model: Tensor of shape `(chains, visible.width)`.
            weight: Tensor of shape `(batch,)`, or `None` for ones.
            stream: A `Stream`.
            given: See `values`.
            follows: See `Chain.follows_examples`.
        """
        inputs = machine_lib.hidden_inputs(machine, v)
        of_samples = weight if follows else None
        values = self.values(
            machine, v, inputs, v_model, of_samples, stream, given
        )
        for name, value in values.items():
            own = self.weight(name, given, weight)
            self.means[name].update_state(value, own)

    def results(self):
        """Returns `{name: mean since the last reset}`."""
        return {name: mean.result() for name, mean in self.means.items()}


def names_of_rbm(visible):
    """Names of the values that `values_of_rbm` returns."""
    names = [
        "loss",
        "reconstruction_error",
        "cross_entropy",
        "pseudo_log_likelihood",
        "hidden_activity",
    ]
    if not pseudo_likelihood_is_defined(visible):
        names.remove("pseudo_log_likelihood")
    return names


def values_of_rbm(machine, v, inputs, v_model, weight, stream):
    """The metrics of an `RBM` for each example; see `RBM`.

    Arguments and result are the same as for `Metrics.values`, without `given`.
    """
    visible, params = machine.visible, machine.visible_params
    hidden = machine.hidden.mean(inputs, machine.hidden_params)
    visible_inputs = machine_lib.visible_inputs(machine, hidden)
    error = v - visible.mean(visible_inputs, params)
    values = {
        "loss": machine_lib.free_energy(machine, v, inputs)
        - replicas.mean(machine_lib.free_energy(machine, v_model), weight),
        "reconstruction_error": ops.mean(ops.square(error), axis=1),
        "cross_entropy": visible.energy(v, params)
        - ops.sum(v * visible_inputs, axis=-1)
        + visible.log_partition(visible_inputs, params),
        "hidden_activity": ops.mean(hidden, axis=1),
    }
    if pseudo_likelihood_is_defined(visible):
        values["pseudo_log_likelihood"] = stochastic_pseudo_log_likelihood(
            machine, visible.nearest(v), stream, _NUM_SITES
        )
    return values


def number(weight):
    """An integer that tells weights apart: the fraction is its high word."""
    whole = ops.floor(weight)
    fraction = ops.cast((weight - whole) * 2.0**24, "int64")
    return ops.cast(whole, "int64") + fraction * 2**32
