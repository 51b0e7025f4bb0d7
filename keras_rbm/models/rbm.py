"""The restricted Boltzmann machine as a Keras model.

This file has its constructor, its update and its metrics. `base.py` has the
methods of a trained model (`predict_hidden`, `sample`, `log_likelihood`,
`export`, ...), and `trainer.py` has `compile`, `fit`, `evaluate` and `predict`.
"""

from typing import Any

import keras
from keras import ops

from keras_rbm import gradients, replicas, units
from keras_rbm.chains import Chain, PersistentChain
from keras_rbm.models import metrics
from keras_rbm.models.base import MachineModel
from keras_rbm.models.layouts import Identity
from keras_rbm.models.missing import Completion
from keras_rbm.random import Use
from keras_rbm.typing import (
    Config,
    Constraint,
    Initializer,
    Regularizer,
    Tensor,
)


@keras.saving.register_keras_serializable("keras_rbm")
class RBM(MachineModel):
    """Restricted Boltzmann machine, p(v, h) ~ exp(-beta E(v, h)).

    E(v, h) = -<v, W h> + visible.energy(v) + hidden.energy(h), which for
    binary units is -<v, W h> - <b, v> - <c, h>. `fit` follows the gradient of
    the log-likelihood: the data supply the positive phase, and the samples of
    the chain supply the negative phase. As a layer, `rbm(v)` returns E[h | v].

    The metrics of `fit` and `evaluate` are means over examples:

    - `loss`: the free-energy gap, mean F(v) - mean F(v_model), in nats. Its
      gradient is the one that `fit` follows; the gap is *not* a likelihood.
    - `reconstruction_error`: mean squared difference of v and its mean-field
      reconstruction.
    - `cross_entropy`: -log p(v | h = E[h | v]), in nats per example.
    - `pseudo_log_likelihood`: N log p(v_i | v_-i) at five random sites i of
      each example, in nats per example. Only for visible units with a list of
      states; data between two states are rounded to the nearest one.
    - `hidden_activity`: mean of E[h | v].

    Entries of data may be missing (NaN): `fit` then follows the gradient of
    the log-likelihood of the observed entries. For the metrics, missing
    entries are drawn given the observed ones. A row without any observed entry
    has weight 0.

    Args:
        visible: `Units`, or an integer for that many `Bernoulli` units.
        hidden: The same for the hidden side.
        chain: A `Chain`, a new one for each model; `None` for
            `PersistentChain(200, num_sweeps=2)`.
        centered: Whether to follow the gradient of the centred
            parametrization (see `gradients.center`), with running means as
            offsets.
        inverse_temperature: beta, a positive number.
        kernel_initializer: Keras initializer of W, shape `(visible, hidden)`.
            `None` for a normal distribution of standard deviation
            1 / sqrt(max(visible, hidden)), drawn from `seed`.
        visible_bias_initializer: Keras initializer of b. `None` for the
            log-odds of the data, by `adapt`, which the first `fit` calls.
        hidden_bias_initializer: Keras initializer of c.
        kernel_regularizer: Keras regularizer of W.
        kernel_constraint: Keras constraint of W; `MaxNorm(axis=0)` bounds the
            weights of each hidden unit. (Keras averages the weights before it
            applies the constraint, so that averaged weights can exceed the
            bound a little.)
        hidden_activity_regularizer: Keras regularizer, such as
            `SquaredSparsity(0.05)`, of the mean of E[h | v] over a batch, a
            tensor of shape `(hidden.width,)`.
        seed: Integer from 0 to 2**64 - 1. The same seed gives the same draws.
            `None` for a seed from Python's generator.
        missing: How `fit` draws entries that are NaN: a
            `PersistentCompletion` or a `FreshCompletion`. `None` for
            `PersistentCompletion` if the data are an array, for
            `FreshCompletion` if several replicas train, and for data sets
            without missing entries.
        standardized: Whether to follow the gradient of the parametrization
            whose visible states are also divided by roughly their standard
            deviations in the data, which `adapt` records (see
            `gradients.center`). The weights of units that vary little, such
            as rare letters, then get steps that are up to 11 times larger.
            Needs `centered=True`.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Raises:
        ValueError: If an argument is not as described, or both sides are
            unbounded (see `SpectralBound`).

    Reference: Fischer and Igel (2014), "Training restricted Boltzmann
        machines: an introduction".

    Example:
        x = data.bars_and_stripes(4).train
        rbm = keras_rbm.RBM(16, 8, seed=0)
        rbm.compile()
        rbm.fit(x)
        print(rbm.log_likelihood(x))
    """

    def __init__(
        self,
        visible: units.Units | int,
        hidden: units.Units | int,
        chain: Chain | None = None,
        centered: bool = True,
        inverse_temperature: float = 1.0,
        kernel_initializer: Initializer | None = None,
        visible_bias_initializer: Initializer | None = None,
        hidden_bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer | None = None,
        kernel_constraint: Constraint | None = None,
        hidden_activity_regularizer: Regularizer | None = None,
        seed: int | None = None,
        missing: Completion | None = None,
        standardized: bool = False,
        **kwargs,
    ):
        visible = units.get("visible", visible)
        hidden = units.get("hidden", hidden)
        super().__init__(
            visible,
            hidden,
            PersistentChain(200, num_sweeps=2) if chain is None else chain,
            Identity(visible, hidden),
            RBMMetrics(visible),
            centered,
            inverse_temperature,
            kernel_initializer,
            visible_bias_initializer,
            hidden_bias_initializer,
            kernel_regularizer,
            kernel_constraint,
            hidden_activity_regularizer,
            seed,
            missing,
            standardized,
            **kwargs,
        )

    def own_config(self) -> Config:
        return {"visible": keras.saving.serialize_keras_object(self.visible)}

    def gradient_step(
        self, data: Any, seed: Tensor | None = None
    ) -> list[Tensor | None]:
        """Advances the chains, and returns the gradient of the surrogate.

        The surrogate is the free-energy gap between data and samples. If
        several replicas share a batch, each computes its term of the gap, and
        the gradient is the sum over all replicas.
        """
        v, weight = self.unpack(data)
        batch = replicas.batch(v, weight)
        examples = ops.shape(v)[0]
        # The negative phase needs samples of the current model.
        stream = batch.stream(self.stream(Use.TRAIN, seed))
        machine = self.machine()
        # In the positive phase, missing entries are drawn given the others.
        positive = self.complete(machine, v, data, stream)
        v = positive.v
        v_model = self.chain.advance(machine, v, stream)
        negative = self.chain.negative(machine, v_model, batch)
        with self.parameters.tape() as tape:
            machine = self.machine()
            gap, inputs = gradients.free_energy_gap(
                machine, v, v_model, batch.parts(), negative
            )
            loss = self.regularized(gap, machine, inputs[:examples], batch)
        slopes = tape.gradient(loss, self.parameters.variables)
        self.chain.persist(machine, inputs[examples:], stream)
        self.keep(positive, machine, inputs[:examples], stream)
        return self.centered_gradient(
            slopes, machine, self.known(positive), inputs[:examples], batch
        )


class RBMMetrics(metrics.Metrics):
    """The metrics that the docstring of `RBM` describes.

    Args:
        visible: `Units` of the visible side.
    """

    def __init__(self, visible):
        super().__init__(metrics.names_of_rbm(visible))

    def values(self, machine, v, inputs, v_model, weight, stream, given):
        return metrics.values_of_rbm(
            machine, v, inputs, v_model, weight, stream
        )
