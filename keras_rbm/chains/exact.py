"""The exact negative phase: all states, each with its probability."""

import keras
from keras import ops

from keras_rbm import gibbs, random, replicas
from keras_rbm import machine as machine_lib
from keras_rbm.chains.base import Chain
from keras_rbm.gradients import HiddenStates
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Tensor

#: The largest number of joint states of the enumerated side.
MAX_STATES = 2**16


@keras.saving.register_keras_serializable("keras_rbm")
class ExactChain(Chain):
    """Replaces samples by all states v, weighted by p(v) = softmax(-F(v)).

    If the hidden side has fewer joint states, the chain uses all states h,
    weighted by p(h). The update follows the exact gradient of the
    log-likelihood, so you can use it as a reference for other chains. One side
    of the machine must have at most 2**16 joint states. `num_sweeps` has no
    effect.

    Reference: Fischer and Igel (2014), "Training restricted Boltzmann
        machines: an introduction", equations 25 and 29.

    Example:
        rbm = keras_rbm.RBM(16, 8, chain=keras_rbm.ExactChain())
    """

    depends_on_batch = False

    def start(
        self,
        machine: Machine,
        stream: Stream,
        mean: Tensor | None = None,
        variance: Tensor | None = None,
        v: Tensor | None = None,
    ) -> None:
        """Refuses machines that have too many states.

        Raises:
            ValueError: If neither side can be enumerated in at most 2**16
                joint states.
        """
        sides = [machine.visible.num_joint_states, _hidden_states(machine)]
        if min((x for x in sides if x), default=MAX_STATES + 1) > MAX_STATES:
            raise ValueError(
                "`visible` or `hidden` must have at most 2**16 joint states "
                "for an ExactChain, which enumerates them; use a "
                f"PersistentChain. Received: visible={machine.visible!r}, "
                f"hidden={machine.hidden!r}"
            )

    def advance(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor | HiddenStates:
        """Returns all joint states of the smaller side.

        Returns:
            Tensor of shape `(visible.num_joint_states, visible.width)`, or
            `HiddenStates`.
        """
        if _of_hidden(machine):
            return HiddenStates(_states(machine, machine.hidden))
        return _states(machine, machine.visible)

    def model_weight(
        self, machine: Machine, v_model: Tensor | HiddenStates
    ) -> Tensor | None:
        """p(v) or p(h) for all states that `advance` returned."""
        if isinstance(v_model, HiddenStates):
            machine, x = machine_lib.flip(machine), v_model.h
        else:
            x = v_model
        p = ops.softmax(-machine_lib.free_energy(machine, x))
        return p / replicas.count()  # Each replica has all states.

    def num_samples(self, examples: float) -> float:
        return 1.0

    def samples(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        """Independent draws from p(v), one for each example.

        A draw inverts the cumulative distribution in float64, at a uniform
        random number. If the hidden side is enumerated, a state h is drawn in
        this way, and v is then drawn given h.
        """
        states = self.advance(machine, v_data, stream)
        p = ops.cast(self.model_weight(machine, states), "float64")
        cumulative = ops.cumsum(p)
        u = random.uniform(stream, (ops.shape(v_data)[0], 1))[:, 0]
        places = ops.cast(u, "float64") * cumulative[-1]
        index = ops.searchsorted(cumulative, places, side="right")
        if isinstance(states, HiddenStates):
            h = ops.take(states.h, index, axis=0)
            return gibbs.sample_visible(machine, h, stream)
        return ops.take(states, index, axis=0)


def _hidden_states(machine):
    """Number of joint hidden states, or `None` if they cannot be used."""
    # p(h) requires summing out the visible units, which needs an exact law.
    if machine.visible.approximation:
        return None
    return machine.hidden.num_joint_states


def _of_hidden(machine):
    """Whether the hidden side can be used and has fewer joint states."""
    hidden, visible = _hidden_states(machine), machine.visible.num_joint_states
    return hidden is not None and (visible is None or hidden < visible)


def _states(machine, units):
    index = ops.arange(units.num_joint_states, dtype="int64")
    return ops.cast(units.joint_states(index), machine_lib.dtype(machine))
