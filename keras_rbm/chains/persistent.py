"""Persistent contrastive divergence: chains that are never restarted."""

import warnings
from typing import Any

import keras
from keras import ops

from keras_rbm import checks, gibbs, random, replicas, samplers
from keras_rbm import machine as machine_lib
from keras_rbm.chains.base import Chain
from keras_rbm.machine import Machine
from keras_rbm.random import Stream, Use
from keras_rbm.typing import Config, Shape, Tensor


@keras.saving.register_keras_serializable("keras_rbm")
class PersistentChain(Chain):
    """PCD-k: each update moves the same fantasy particles by k sweeps.

    The particles (the chains of stochastic maximum likelihood) follow the
    model while its parameters change slowly. A sampler moves the particles. The
    state that it keeps between two updates is saved with the model. `Gibbs()`
    keeps hidden states, which saves a matrix product in each update.
    `Tempered()` gives tempered PCD, where an update costs about `num_betas`
    times as much.

    Args:
        num_chains: Number of fantasy particles. It may differ from the batch
            size.
        num_sweeps: k, a positive integer.
        sampler: A `samplers.Sampler`, or `None` for `Gibbs()`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Tieleman (2008), "Training restricted Boltzmann machines using
        approximations to the likelihood gradient", section 3. For `Tempered`:
        Desjardins, Courville, Bengio, Vincent and Delalleau (2010), "Tempered
        Markov chain Monte Carlo for training of restricted Boltzmann
        machines".

    Example:
        rbm = keras_rbm.RBM(784, 500, keras_rbm.PersistentChain(100, 15))
    """

    depends_on_batch = False

    def __init__(
        self,
        num_chains: int = 100,
        num_sweeps: int = 1,
        sampler: samplers.Sampler | None = None,
        **kwargs,
    ):
        super().__init__(num_sweeps=num_sweeps, **kwargs)
        self.num_chains = checks.positive_integer("num_chains", num_chains)
        self.sampler = samplers.get(sampler)

    def build(self, visible_shape: Shape, hidden_shape: Shape) -> None:
        super().build(visible_shape, hidden_shape)
        self._kept = self.sampler.kept(
            self.num_chains, visible_shape[-1], hidden_shape[-1]
        )
        taken = [n for n in self._kept if getattr(self, n, None) is not None]
        if "particles" not in self._kept or taken:
            raise ValueError(
                "`sampler` must keep `particles`, and no variable with the "
                "name of an attribute of the chain. Received: "
                f"sampler={self.sampler}, "
                f"which keeps {sorted(self._kept)}"
            )
        checks.in_memory("num_chains", self._kept["particles"].shape)
        for name, kept in self._kept.items():
            variable = self.add_weight(
                name=name,
                shape=kept.shape,
                dtype=kept.dtype if kept.dtype != "float32" else None,
                initializer="zeros",
                trainable=False,
                autocast=False,
            )
            setattr(self, name, variable)

    def start(
        self,
        machine: Machine,
        stream: Stream,
        mean: Tensor | None = None,
        variance: Tensor | None = None,
        v: Tensor | None = None,
    ) -> None:
        """Starts the particles at `v`, or draws them with inputs of 0."""
        if v is None:
            v = gibbs.sample_without_inputs(
                machine, self.num_chains, random.fold_in(stream, Use.START)
            )
        if mean is None:
            nothing = ops.zeros((1, machine.visible.width), v.dtype)
            mean = machine.visible.mean(nothing, machine.visible_params)[0]
        if variance is None:
            variance = ops.ones_like(mean)
        base = machine_lib.decouple(machine, mean, variance)
        state = self.sampler.init(machine, v, base)
        inputs = machine_lib.hidden_inputs(machine, v)
        # The stream of a sweep, which gives the draws of `gibbs.sample_hidden`.
        here = random.fold_in(stream, Use.HIDDEN)
        values = {
            "mean": mean,
            "variance": variance,
            **self.sampler.pack(state),
            **self.sampler.refresh(machine, inputs, here),
        }
        for name in self._kept:
            getattr(self, name).assign(values[name])

    def advance(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        sampler, here = self.sampler, self._own(stream)
        state = sampler.unpack(machine, self._values())
        # The first sweep starts from the kept state, which may be h, not v.
        first = random.fold_in(here, 0)
        state, _ = sampler.step(machine, state, first)
        state, _ = samplers.run(
            sampler, machine, state, here, self.num_sweeps.value - 1, first=1
        )
        v = sampler.samples(state)
        values = sampler.pack(state)
        for name, value in values.items():
            if self._kept[name].averaged:
                values[name] = replicas.all_sum(value) / replicas.count()
        self._keep(sampler.adapt(values))
        return v

    def num_samples(self, examples: float) -> float:
        return self.num_chains

    def persist(self, machine: Machine, inputs: Tensor, stream: Stream) -> None:
        here = random.fold_in(self._own(stream), Use.KEEP)
        self._keep(self.sampler.refresh(machine, inputs, here))

    def samples(
        self, machine: Machine, v_data: Tensor, stream: Stream
    ) -> Tensor:
        return self.sampler.particles(
            machine, self._values(), self._own(stream)
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_chains": self.num_chains,
            "sampler": keras.saving.serialize_keras_object(self.sampler),
        }

    @classmethod
    def from_config(cls, config: Config) -> "PersistentChain":
        return cls(**keras.saving.deserialize_keras_object(config))

    def _values(self):
        """Values of the variables, with only this replica's share of chains."""
        return {
            name: getattr(self, name).value
            if kept.chains_axis is None
            else replicas.own_rows(
                getattr(self, name).value, axis=kept.chains_axis
            )
            for name, kept in self._kept.items()
        }

    def _keep(self, values):
        """Assigns the variables, after joining the shares of all replicas."""
        for name, value in values.items():
            variable, axis = getattr(self, name), self._kept[name].chains_axis
            value = ops.cast(value, variable.dtype)
            if axis is not None:
                value = replicas.all_rows(value, self.num_chains, axis=axis)
            variable.assign(value)

    def _own(self, stream):
        """The stream of this replica's particles."""
        return stream._replace(first_row=replicas.first_row(self.num_chains))


def TemperedChain(
    num_chains: int = 100,
    num_betas: int = 10,
    num_sweeps: int = 1,
    adaptation: float = 0.01,
    **kwargs: Any,
) -> PersistentChain:
    """Deprecated: use `PersistentChain(..., sampler=Tempered(...))`.

    Args:
        num_chains: See `PersistentChain`.
        num_betas: See `Tempered`.
        num_sweeps: See `PersistentChain`.
        adaptation: See `Tempered`.
        **kwargs: Further arguments of `PersistentChain`.

    Returns:
        A `PersistentChain` with a `Tempered` sampler.

    Example:
        # In place of TemperedChain(100, num_betas=10):
        sampler = keras_rbm.Tempered(num_betas=10)
        chain = keras_rbm.PersistentChain(100, sampler=sampler)
    """
    warnings.warn(
        "TemperedChain(num_chains, num_betas) is deprecated: write "
        "PersistentChain(num_chains, sampler=Tempered(num_betas)).",
        DeprecationWarning,
        stacklevel=2,
    )
    sampler = samplers.Tempered(num_betas, adaptation)
    return PersistentChain(num_chains, num_sweeps, sampler, **kwargs)
