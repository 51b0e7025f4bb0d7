"""Persistent chains that are helped across barriers by warmer ones."""

import numbers

import keras
import numpy as np
from keras import ops

from keras_rbm import checks, random, replicas, tempering
from keras_rbm import machine as machine_lib
from keras_rbm.chains.base import Chain
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Config, Shape, Tensor

# The stream of the start, beside those of the sweeps from 0.
_START = 2**32
# Weight of the past in the running rates of exchange.
_MOMENTUM = 0.99


@keras.saving.register_keras_serializable("keras_rbm")
class TemperedChain(Chain):
    """Parallel tempering: each chain has replicas at several betas.

    The replica at beta = 1 samples the model; that at beta = 0 has the base
    rates of the data, without coupling; neighbours change places. The
    replicas are rows of the same matrix products, so that an update costs
    about `num_betas` times that of a `PersistentChain`.

    Args:
        num_chains: Number of samples of the model at each update.
        num_betas: Number of replicas of each chain, at least 2.
        num_sweeps: Sweeps, with an exchange before each, for each update.
        adaptation: How fast the betas between 0 and 1 move to even out the
            rates of exchange, at each update; 0 to keep them evenly spaced.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Desjardins, Courville, Bengio, Vincent and Delalleau (2010),
        "Tempered Markov chain Monte Carlo for training of restricted
        Boltzmann machines"; Cho, Raiko and Ilin (2010), "Parallel tempering
        is efficient for learning restricted Boltzmann machines".
    """

    def __init__(
        self,
        num_chains: int = 100,
        num_betas: int = 10,
        num_sweeps: int = 1,
        adaptation: float = 0.01,
        **kwargs,
    ):
        super().__init__(num_sweeps=num_sweeps, **kwargs)
        self.num_chains = checks.positive_integer("num_chains", num_chains)
        self.num_betas = checks.positive_integer("num_betas", num_betas)
        if self.num_betas < 2:
            raise ValueError(
                "`num_betas` must be at least 2, for beta = 1 and beta = 0. "
                f"Received: num_betas={num_betas}"
            )
        if (
            isinstance(adaptation, bool)
            or not isinstance(adaptation, numbers.Real)
            or not 0 <= adaptation < 1
        ):
            raise ValueError(
                "`adaptation` must be a number from 0 to 1. Received: "
                f"adaptation={adaptation!r}"
            )
        self.adaptation: float = float(adaptation)

    def build(self, visible_shape: Shape, hidden_shape: Shape) -> None:
        super().build(visible_shape, hidden_shape)
        width = visible_shape[-1]
        rows = self.num_betas * self.num_chains
        checks.in_memory("num_chains", (rows, width))
        for name, shape, start in (
            ("particles", (rows, width), 0.0),
            ("mean", (width,), 0.0),
            ("variance", (width,), 1.0),
            ("betas", (self.num_betas,), 0.0),
            ("swap_rates", (self.num_betas - 1,), 0.5),
        ):
            variable = self.add_weight(
                name=name,
                shape=shape,
                initializer=keras.initializers.Constant(start),
                trainable=False,
                autocast=False,
            )
            setattr(self, name, variable)
        self.parity = self.add_weight(
            name="parity",
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            autocast=False,
        )

    def start(
        self,
        machine: Machine,
        stream: Stream,
        mean: Tensor | None = None,
        variance: Tensor | None = None,
    ) -> None:
        """Draws all replicas from the base, which has the mean of the data.

        Where that is not known, it has that of the visible units without
        inputs, and a variance of 1 for units that need one.
        """
        if mean is None:
            nothing = ops.zeros((1, machine.visible.width), self.mean.dtype)
            mean = machine.visible.mean(nothing, machine.visible_params)[0]
        self.mean.assign(mean)
        self.variance.assign(
            ops.ones_like(self.variance) if variance is None else variance
        )
        self.parity.assign(0)
        self.betas.assign(np.linspace(1.0, 0.0, self.num_betas))
        self.swap_rates.assign(ops.full_like(self.swap_rates, 0.5))
        self.particles.assign(
            tempering.sample_without_inputs(
                self._base(machine),
                self.num_betas,
                self.num_chains,
                random.fold_in(stream, _START),
            )
        )

    def advance(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        base, betas = self._base(machine), self.betas.value
        parity, num_sweeps = self.parity.value, self.num_sweeps.value

        first = replicas.first_row(self.num_chains)
        stream = stream._replace(first_row=first)

        def one(i, state):
            v, total = state
            v, probability = tempering.sweep(
                base,
                machine,
                betas,
                v,
                parity + i,
                random.fold_in(stream, i),
                num_chains=self.num_chains,
            )
            return v, total + probability

        v = ops.cast(self._own_particles(), machine_lib.dtype(machine))
        v, total = ops.fori_loop(
            0, num_sweeps, one, (v, ops.zeros((self.num_betas - 1,), v.dtype))
        )
        total = replicas.all_sum(total) / replicas.count()
        # How often each pair had its turn.
        pair = ops.arange(self.num_betas - 1, dtype="int32")
        turns = (num_sweeps + (pair + parity + 1) % 2) // 2
        turns = ops.cast(turns, v.dtype)
        rates = self.swap_rates + (1 - _MOMENTUM) * (
            total - turns * self.swap_rates
        ) / ops.maximum(turns, 1.0)
        # Last: a variable's value is read where it is used, not where it is
        # named, so that the parity would be that of the next update.
        rows = ops.reshape(v, (self.num_betas, -1, machine.visible.width))
        rows = replicas.all_rows(rows, self.num_chains, axis=1)
        self.particles.assign(ops.reshape(rows, self.particles.shape))
        self.parity.assign((parity + num_sweeps) % 2)
        self.swap_rates.assign(rates)
        if self.adaptation:
            self.betas.assign(tempering.even_out(betas, rates, self.adaptation))
        return v[: self.num_chains // replicas.count()]

    def num_samples(self, examples: float) -> float:
        return self.num_chains

    def samples(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        return replicas.own_rows(self.particles.value[: self.num_chains])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_chains": self.num_chains,
            "num_betas": self.num_betas,
            "adaptation": self.adaptation,
        }

    def _own_particles(self):
        """This replica's chains, at all betas."""
        shape = (self.num_betas, self.num_chains, self.particles.shape[-1])
        rows = ops.reshape(self.particles.value, shape)
        own = replicas.own_rows(rows, axis=1)
        return ops.reshape(own, (-1, shape[-1]))

    def _base(self, machine):
        return machine_lib.decouple(
            machine, self.mean.value, self.variance.value
        )
