"""What a model draws; what it predicts is in `predictions`."""

import tensorflow as tf

from keras_rbm import checks, devices, gibbs, samplers
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.models import inputs as inputs_lib
from keras_rbm.models import masks, normalizable, sampling, starts
from keras_rbm.typing import Array, Mask, Start, Tensor, Verbose

# Streams of single draws, which a model of the same seed does not train with.
HIDDEN, VISIBLE = 2**33 + 1, 2**33 + 2


class SamplingMethods:
    """Draws from a model: states, of which each call gives others.

    A part of `MachineModel`, which has what these methods need.
    """

    def sample_hidden(self, v: Array, seed: int | None = None) -> Tensor:
        """A draw of h from p(h | v), of shape `(batch, hidden.width)`.

        Args:
            v: Array of shape `(batch, visible.width)`.
            seed: Integer from 0 to 2**64 - 1: the same seed gives the same
                draw. `None` for another at each call.
        """
        v = self._states(self._checked_states(v))
        machine = self._finite_machine()
        return _sample_hidden(machine, v, sampling.stream(seed, HIDDEN))

    def sample_visible(self, h: Array, seed: int | None = None) -> Tensor:
        """A draw of v from p(v | h), of shape `(batch, visible.width)`.

        Args:
            h: Array of shape `(batch, hidden.width)`, of states or means.
            seed: As for `sample_hidden`.
        """
        h = self._states(inputs_lib.checked(h, self.hidden, "h"))
        machine = self._finite_machine()
        return _sample_visible(machine, h, sampling.stream(seed, VISIBLE))

    def sample(
        self,
        num_samples: int | None = None,
        num_sweeps: int = 1000,
        start: Start | None = None,
        clamp: Mask | None = None,
        inverse_temperature: float = 1.0,
        seed: int | None = None,
        sampler: samplers.Sampler | None = None,
        every: int | None = None,
        verbose: Verbose = "auto",
    ) -> Tensor:
        """Draws from the model, p(v) or p(v_free | v_held).

        Args:
            num_samples: Number of chains. With a `start`, as many of its
                rows from the first on, or `None` for all.
            num_sweeps: Number of sweeps of each chain.
            start: Where the chains start, of shape `(num_samples,
                visible.width)`; `"chains"` for the fantasy particles: v drawn
                given the hidden states that they are kept as, always the
                same draw until the next update. `None` for draws from the
                visible units without inputs.
            clamp: Boolean array or lists, of shape `(visible.width,)` or
                `(num_samples, visible.width)`, `True` where an entry is held
                at what it is in `start`; `None` for nowhere.
            inverse_temperature: What to multiply that of the model by: less
                than 1 to sample warmer, more to sample colder.
            seed: Integer from 0 to 2**64 - 1: the same seed gives the same
                samples. `None` for others at each call.
            sampler: `Gibbs()`; or `Tempered()`, for a model in which that
                does not mix. `None` for the first.
            every: Number of sweeps from one frame of a film strip to the
                next, or `None` for the last states alone.
            verbose: `"auto"` for a progress bar on a screen if it takes more
                than a few seconds, 1 or 0.

        Returns:
            Tensor of shape `(num_samples, visible.width)`, of states; with
            `every`, of shape `(num_sweeps // every, num_samples,
            visible.width)`, those after each `every` sweeps. With `clamp`, in
            a dtype that holds the values of `start`, too.

        Raises:
            ValueError: If an argument is not as described, or the parameters
                of the model or what is drawn are not finite.
        """
        machine = self._finite_machine(inverse_temperature)
        stream = sampling.stream(seed)
        checks.positive_integer("num_sweeps", num_sweeps)
        if clamp is not None and start is None:
            raise ValueError(
                "`clamp` needs a `start`, at whose values entries are held. "
                "Received: start=None"
            )
        if start is None:
            given = starts.without_inputs(machine, num_samples, stream)
        else:
            given = starts.given(self, start, num_samples)
        if clamp is not None:
            clamp = masks.check(clamp, given.shape, self.visible, "clamp")
        return self._sample(
            machine,
            given,
            stream,
            num_sweeps,
            clamp,
            sampler,
            every=every,
            verbose=verbose,
        )

    def reconstruct(
        self,
        v: Array,
        num_sweeps: int = 1,
        inverse_temperature: float = 1.0,
        seed: int | None = None,
        sampler: samplers.Sampler | None = None,
        verbose: Verbose = "auto",
    ) -> Tensor:
        """A draw of v after some sweeps from `v`.

        `predict_reconstruction` is its mean-field counterpart.

        Args:
            v: Array of shape `(batch, visible.width)`.
            num_sweeps: Number of sweeps.
            inverse_temperature: As for `sample`, as are the others.
            seed: Integer, or `None`.
            sampler: `Gibbs()`, `Tempered()` or `None`.
            verbose: `"auto"`, 1 or 0.

        Returns:
            Tensor of shape `(batch, visible.width)`, of states.

        Raises:
            ValueError: If an argument is not as described.
        """
        return self.sample(
            num_sweeps=num_sweeps,
            start=self._checked_states(v),
            inverse_temperature=inverse_temperature,
            seed=seed,
            sampler=sampler,
            verbose=verbose,
        )

    def inpaint(
        self,
        v: Array,
        mask: Mask,
        num_sweeps: int = 1000,
        seed: int | None = None,
        sampler: samplers.Sampler | None = None,
        verbose: Verbose = "auto",
        inverse_temperature: float = 1.0,
    ) -> Tensor:
        """A draw of the missing entries from p(v_missing | v_known).

        Args:
            v: Array of shape `(batch, visible.width)`. What it holds where
                entries are missing is not looked at, and may be NaN: they
                start from the visible units without inputs.
            mask: Boolean array or lists, of shape `(visible.width,)` or
                `(batch, visible.width)`, `True` where an entry is missing.
            num_sweeps: Number of sweeps.
            seed: As for `sample`, as are the others.
            sampler: `Gibbs()`, `Tempered()` or `None`.
            verbose: `"auto"`, 1 or 0.
            inverse_temperature: Of p(v_missing | v_known), a positive number.

        Returns:
            Tensor of shape `(batch, visible.width)`, in a dtype that holds
            the values of `v`: those that are known are the same to the bit.

        Raises:
            ValueError: If an argument is not as described.
        """
        machine = self._finite_machine(inverse_temperature)
        stream = sampling.stream(seed)
        given, mask = starts.filled(machine, v, mask, stream)
        return self._sample(
            machine, given, stream, num_sweeps, ~mask, sampler, verbose=verbose
        )

    def _sample(
        self,
        machine,
        given,
        stream,
        num_sweeps,
        mask=None,
        sampler=None,
        run=sampling.sample,
        **kwargs,
    ):
        """What `run` gives from here, with entries held to the bit."""
        start = self._states(given)
        clamp = (
            mask if mask is None else samplers.Clamp(tf.constant(mask), start)
        )
        with devices.scope(self.distribute_strategy):
            samples = run(
                samplers.check(sampler),
                self._base(machine),
                machine,
                start,
                stream,
                num_sweeps,
                clamp,
                **kwargs,
            )
        if mask is None:
            return samples
        return masks.restored(samples, given, mask)

    def _base(self, machine):
        """Units with the moments of the data, without coupling."""
        return machine_lib.decouple(machine, *self._base_moments())

    def _finite_machine(self, inverse_temperature=1.0):
        """The machine at an inverse temperature, fit to be sampled from.

        All methods that draw get theirs here.
        """
        machine = self.machine()
        factor = checks.positive_number(
            "inverse_temperature", inverse_temperature
        )
        if factor != 1.0:
            beta = factor * self.inverse_temperature
            normalizable.check(self.parameters, beta)
            machine = machine_lib.scale(machine, factor)
        sampling.check_finite(machine)
        return machine


@compiled
def _sample_hidden(machine, v, stream):
    return gibbs.sample_hidden(machine, v, stream)


@compiled
def _sample_visible(machine, h, stream):
    return gibbs.sample_visible(machine, h, stream)
