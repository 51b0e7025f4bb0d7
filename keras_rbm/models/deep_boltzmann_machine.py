"""The deep Boltzmann machine of two hidden layers, and its mean field.

This file has its constructor and update, the layout that puts the top layer
beside the examples, mean field and the variational bound, and its metrics.
`base.py` has the methods of a trained model (`predict_hidden`, `sample`,
`log_likelihood`, `export`, ...), and `trainer.py` has `compile`, `fit`,
`evaluate` and `predict`.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_rbm import checks, gradients, random, replicas, units
from keras_rbm import machine as machine_lib
from keras_rbm.chains import Chain, PersistentChain
from keras_rbm.compiled import compiled
from keras_rbm.machine import Machine
from keras_rbm.models import (
    examples,
    log_likelihood,
    metrics,
    sampling,
)
from keras_rbm.models.base import MachineModel
from keras_rbm.models.layouts import Layout
from keras_rbm.random import Use
from keras_rbm.typing import Array, Config, Examples, Tensor
from keras_rbm.units import Units

# Mean-field steps for the measurement of likelihoods.
_MEASURED_STEPS = 30


@keras.saving.register_keras_serializable("keras_rbm")
class DeepBoltzmannMachine(MachineModel):
    """p(v, h1, h2) ~ exp(<v, W1 h1> + <h1, W2 h2> + biases): three layers.

    Layers are coupled only to their neighbours. Therefore h1 and (v, h2) are
    the two sides of an RBM, whose kernel is W1 above W2^T, and this model uses
    the chains, centring, annealing and tempering of that RBM. Only the
    positive phase differs: given v, the hidden layers are not independent, and
    mean field supplies their means. `fit` follows the gradient of the
    variational bound on log p(v).

    Methods take and return examples `v`; the rows of `machine()` are (v, h2).
    `log_likelihood` is a variational bound.

    The metrics are computed on v, after mean field:

    - `loss`: the mean-field bound on the free energy of the data, minus the
      mean free energy of the chains, in nats;
    - `reconstruction_error`: mean squared difference of v and E[v | E[h1]];
    - `hidden_activity`: mean of E[h1] given the data.

    Args:
        features: `Units` of v, or an integer for that many `Bernoulli` units.
        hidden: Number of binary units of the first hidden layer.
        top: Number of binary units of the second hidden layer.
        chain: A `Chain`, a new one for each model; `None` for
            `PersistentChain()`.
        num_mean_field: Number of mean-field steps in an update.
        **kwargs: Further arguments of `RBM`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Salakhutdinov and Hinton (2009), "Deep Boltzmann machines";
        Montavon and Mueller (2012), "Deep Boltzmann machines and the
        centering trick".

    Example:
        machine = keras_rbm.DeepBoltzmannMachine(16, 8, 4, seed=0)
        samples = machine.sample(5, num_sweeps=10)
    """

    def __init__(
        self,
        features: units.Units | int,
        hidden: units.Bernoulli | int,
        top: units.Bernoulli | int,
        chain: Chain | None = None,
        num_mean_field: int = 10,
        **kwargs,
    ):
        features = units.get("features", features)
        hidden, top = units.get("hidden", hidden), units.get("top", top)
        for name, side in (("hidden", hidden), ("top", top)):
            if not isinstance(side, units.Bernoulli):
                raise ValueError(
                    f"`{name}` must be binary units, or how many. Received: "
                    f"{name}={side}"
                )
        steps = checks.positive_integer("num_mean_field", num_mean_field)
        visible = units.Composite(features, top)
        super().__init__(
            visible,
            hidden,
            PersistentChain() if chain is None else chain,
            BesideTopLayer(features, top, steps),
            DBMMetrics(features.width),
            **kwargs,
        )
        self.features: units.Units = features
        self.top: units.Units = top
        self._steps = steps

    def own_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            "features": serialize(self.features),
            "top": serialize(self.top),
            "num_mean_field": self._steps,
        }

    def gradient_step(
        self, data: Any, seed: Tensor | None = None
    ) -> list[Tensor | None]:
        """Advances the chains, and returns the gradient of the surrogate.

        Differs from `RBM.gradient_step` in the positive phase: its rows are
        the examples beside the mean-field means of the top layer (`unpack`).
        """
        v, weight = self.unpack(data)
        batch = replicas.batch(v, weight)
        count = ops.shape(v)[0]
        stream = batch.stream(self.stream(Use.TRAIN, seed))
        machine = self.machine()
        v_model = self.chain.advance(machine, v, stream)
        negative = self.chain.negative(machine, v_model, batch)
        with self.parameters.tape() as tape:
            machine = self.machine()
            gap, inputs = gradients.free_energy_gap(
                machine, v, v_model, batch.parts(), negative
            )
            loss = self.regularized(gap, machine, inputs[:count], batch)
        slopes = tape.gradient(loss, self.parameters.variables)
        self.chain.persist(machine, inputs[count:], stream)
        return self.centered_gradient(slopes, machine, v, inputs[:count], batch)

    def posterior(self, v: Array) -> tuple[Tensor, Tensor]:
        """E[h1 | v] and E[h2 | v], by mean field.

        Args:
            v: Array of shape `(batch, features.width)`.

        Returns:
            Tuple of tensors of shape `(batch, hidden.width)` and `(batch,
            top.width)`.

        Example:
            model = keras_rbm.DeepBoltzmannMachine(16, 8, 4, seed=0)
            h1, h2 = model.posterior(x)  # Means of both layers, in mean field.
            print(h1.shape, h2.shape)
        """
        v = self._states(self._checked_states(v))
        return _compiled_posterior(self.machine(), v, self._steps)


class BesideTopLayer(Layout):
    """Rows (v, h2): examples beside the states of the top layer.

    Args:
        features: `Units` of v.
        top: `Units` of h2, binary.
        num_steps: Number of mean-field steps.
    """

    is_bound = True

    def __init__(self, features: Units, top: Units, num_steps: int):
        self.features, self.top, self.num_steps = features, top, num_steps

    @property
    def units(self) -> Units:
        return self.features

    @property
    def code_units(self) -> Units:
        return self.top

    def joined(
        self, x: Examples, y: Any, names: tuple[str, str] = ("x", "y")
    ) -> tuple[Examples, Any]:
        return x, y

    def joined_validation(self, data: Any) -> Any:
        return data

    def rows(self, machine: Machine, v: Tensor) -> Tensor:
        """Rows (v, E[h2]), by mean field."""
        return completed(machine, v, self.num_steps)

    def start(self, machine: Machine, v: Array, seed: Any) -> Array:
        """Rows (v, h2), with h2 drawn from mean field."""
        dtype = machine_lib.dtype(machine)
        _, h2 = _posterior(machine, ops.cast(v, dtype), self.num_steps)
        h2 = random.bernoulli(sampling.stream(seed, Use.TOP_LAYER), h2)
        # Clamped entries keep the values of `v`, which may be float64.
        standard = keras.backend.standardize_dtype
        wide = np.result_type(standard(v.dtype), standard(h2.dtype)).name
        return ops.concatenate([ops.cast(v, wide), ops.cast(h2, wide)], axis=1)

    def examples(self, rows: Tensor) -> Tensor:
        return rows[..., : self.features.width]

    def with_missing(self, v: Array, mask: Any) -> tuple[Array, Any]:
        """Rows and their mask, in which the top layer is missing, too."""
        v = examples.array(v, self.features, "v")
        v = examples.dense(v, "v")
        if v.ndim != 2:
            self.features.check(v, "v")
        top = np.full((len(v), self.top.width), np.nan, "float32")
        if mask is not None:  # Otherwise, the entries that are NaN.
            mask = self._mask(mask, True)
        return np.concatenate([v, top], axis=1), mask

    def clamped(self, mask: np.ndarray) -> np.ndarray:
        return self._mask(mask, False)

    def encode(self, machine: Machine, v: Tensor) -> Tensor:
        """E[h2 | v], by mean field."""
        _, h2 = posterior(machine, v, self.num_steps)
        return h2

    def hidden_mean(self, machine: Machine, v: Tensor) -> Tensor:
        """E[h1 | v], by mean field."""
        h1, _ = _compiled_posterior(machine, v, self.num_steps)
        return h1

    def sample_hidden(self, machine: Machine, v: Tensor, seed: Any) -> Tensor:
        """A draw of h1 from mean field."""
        stream = sampling.stream(seed, Use.MIDDLE_LAYER)
        return random.bernoulli(stream, self.hidden_mean(machine, v))

    def free_energy(self, machine: Machine, v: Tensor) -> Tensor:
        machine = machine_lib.cast(machine, machine_lib.dtype(machine))
        return -_measured_bound(machine, v)

    def scores(
        self,
        machine: Machine,
        v: Examples,
        watch: Callable[[np.ndarray], None] | None = None,
    ) -> np.ndarray:
        bounds = log_likelihood.by_batch(
            _measured_bound, machine, v, self.features, watch
        )
        return bounds.astype("float64")

    def moments(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Moments of the examples, and of fair binary units on top."""
        width = self.top.width
        return (
            np.append(mean, np.full(width, 0.5)),
            np.append(variance, np.full(width, 0.25)),
        )

    def base_mean(self, mean: Tensor, running_mean: Tensor) -> Tensor:
        """The mean of the examples, and the running mean of the top layer."""
        top = running_mean[self.features.width :]
        return ops.concatenate([self.examples(mean), top])

    def _mask(self, mask, value):
        """A mask of rows from a mask of examples; `value` for the top layer."""
        mask = np.asarray(mask)
        top = np.full((*mask.shape[:-1], self.top.width), value)
        return np.concatenate([mask, top], axis=-1)


class DBMMetrics(metrics.Metrics):
    """The metrics that the docstring of `DeepBoltzmannMachine` describes.

    Args:
        width: Number of columns of the examples.
    """

    def __init__(self, width):
        super().__init__(("loss", "reconstruction_error", "hidden_activity"))
        self.width = width

    def values(self, machine, v, inputs, v_model, weight, stream, given):
        h1 = machine.hidden.mean(inputs, machine.hidden_params)
        error = (v - machine_lib.visible_mean(machine, h1))[:, : self.width]
        chains = replicas.mean(
            machine_lib.free_energy(machine, v_model), weight
        )
        return {
            "loss": -bound(machine, v) - chains,
            "reconstruction_error": ops.mean(ops.square(error), axis=1),
            "hidden_activity": ops.mean(h1, axis=1),
        }


def posterior(machine, v, num_steps):
    """Means of q(h1) q(h2), the best factorized distribution given v.

    Each step computes, from an estimate of E[h2],

        E[h1] = mean of h1 given (v, E[h2])
        E[h2] = mean of h2 given E[h1]

    which never lowers the bound on log p(v). In the first step, E[h1] is
    computed with the input from v doubled, as if the input from the top layer
    were equal to it.

    Args:
        machine: A `Machine` whose visible side is the `Composite` (v, h2),
            and whose hidden side is h1.
        v: Tensor of shape `(batch, features)`.
        num_steps: Number of steps.

    Returns:
        Tuple of E[h1], of shape `(batch, hidden.width)`, and E[h2].

    Reference: Salakhutdinov and Hinton (2009), "Deep Boltzmann machines",
        sections 2.2 and 3.
    """
    features, top = machine.visible.parts
    up = machine.kernel[features.width :]
    params = {"bias": machine.visible_params["bias"][features.width :]}
    from_v = _inputs(machine, v, machine.kernel[: features.width])

    def first(inputs):
        return machine.hidden.mean(inputs, machine.hidden_params)

    def second(h1):
        return top.mean(_inputs(machine, h1, ops.transpose(up)), params)

    def step(_, h2):
        return second(first(from_v + _inputs(machine, h2, up)))

    h2 = ops.fori_loop(0, num_steps, step, second(first(2.0 * from_v)))
    return first(from_v + _inputs(machine, h2, up)), h2


_compiled_posterior = compiled(posterior)


def _posterior(machine, v, num_steps):
    """`posterior`, compiled by XLA unless called within another graph."""
    function = _compiled_posterior if tf.executing_eagerly() else posterior
    return function(machine, v, num_steps)


def completed(machine, v, num_steps):
    """Rows (v, E[h2]), of shape `(batch, visible.width)`."""
    _, h2 = posterior(machine, v, num_steps)
    return ops.concatenate([v, ops.cast(h2, v.dtype)], axis=1)


def bound(machine, rows):
    """E_q[-E(v, h1, h2)] + H(q) <= log p(v) + log Z, of each example.

    With the best q(h1) for the means of h2, the bound is
    -F(v, E[h2]) + H(q(h2)), where F is the free energy of rows of the machine.

    Args:
        machine: See `posterior`; h2 must consist of binary units.
        rows: Rows (v, E[h2]), as `completed` returns them.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Reference: Salakhutdinov and Hinton (2009), section 2.2.
    """
    h2 = rows[:, machine.visible.parts[0].width :]
    entropy = ops.sum(_surprise(h2) + _surprise(1.0 - h2), axis=1)
    return entropy - machine_lib.free_energy(machine, rows)


@compiled
def _measured_bound(machine, v):
    """`bound` of examples v, after many mean-field steps."""
    return bound(machine, completed(machine, v, _MEASURED_STEPS))


def _inputs(machine, x, kernel):
    """`x` times a part of the kernel, in the dtype of the parameters."""
    product = ops.matmul(ops.cast(x, kernel.dtype), kernel)
    return machine.beta * ops.cast(product, machine_lib.dtype(machine))


def _surprise(p):
    """-p log p, 0 at 0."""
    return -p * ops.log(ops.where(p > 0, p, ops.ones_like(p)))
