"""The exact negative phase: all states, each with its probability."""

import keras
from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import random, replicas
from keras_rbm.chains.base import Chain
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Tensor

#: The most joint states of the visible side that are enumerated.
MAX_STATES = 2**16


@keras.saving.register_keras_serializable("keras_rbm")
class ExactChain(Chain):
    """No chain but all states v, weighted by p(v) = softmax(-F(v)).

    The update then follows the gradient of the log-likelihood itself,
    without sampling error: the measure of all other chains. For machines of
    at most 2**16 visible states; `num_sweeps` has no effect.

    Reference: Fischer and Igel (2014), "Training restricted Boltzmann
        machines: an introduction", equation 29.
    """

    def start(
        self,
        machine: Machine,
        stream: Stream,
        mean: Tensor | None = None,
        variance: Tensor | None = None,
    ) -> None:
        """Refuses machines that have too many visible states.

        Raises:
            ValueError: If there are more than 2**16, or uncountably many.
        """
        count = machine.visible.num_joint_states
        if count is None or count > MAX_STATES:
            raise ValueError(
                "`visible` must have at most 2**16 joint states for an "
                "ExactChain, which enumerates them; use a PersistentChain. "
                f"Received: visible={machine.visible!r}"
            )

    def advance(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        """Returns all joint states, `(visible.num_joint_states, width)`."""
        index = ops.arange(machine.visible.num_joint_states, dtype="int64")
        states = machine.visible.joint_states(index)
        return ops.cast(states, machine_lib.dtype(machine))

    def model_weight(self, machine: Machine, v_model: Tensor) -> Tensor | None:
        """p(v) of all states, as `advance` returns them."""
        p = ops.softmax(-machine_lib.free_energy(machine, v_model))
        return p / replicas.count()  # Every replica has all of the states.

    def num_samples(self, examples: float) -> float:
        return 1.0

    def samples(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        """As many independent draws from p(v) as there are examples.

        The state in whose share of the cumulative distribution a uniform
        number falls, in float64.
        """
        states = self.advance(machine, v_data, stream)
        p = ops.cast(self.model_weight(machine, states), "float64")
        cumulative = ops.cumsum(p)
        u = random.uniform(stream, (ops.shape(v_data)[0], 1))[:, 0]
        places = ops.cast(u, "float64") * cumulative[-1]
        index = ops.searchsorted(cumulative, places, side="right")
        return ops.take(states, index, axis=0)
