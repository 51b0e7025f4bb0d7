"""What a model predicts: distributions, by their means or in full."""

from keras_rbm import machine as machine_lib
from keras_rbm.models import averages, sampling, starts
from keras_rbm.models import conditional as conditional_lib
from keras_rbm.models import inputs as inputs_lib
from keras_rbm.samplers import Sampler
from keras_rbm.typing import Array, Mask, Tensor, Verbose

# Streams of averages, which a model of the same seed does not train with.
_DENOISE, _MISSING = 2**33 + 3, 2**33 + 4


class Predictions:
    """Distributions of a model, where `SamplingMethods` are draws from them.

    A part of `MachineModel`, which has what these methods need.
    """

    def predict_hidden(self, v: Array) -> Tensor:
        """E[h | v], of shape `(batch, hidden.width)`: what a call gives.

        Args:
            v: Array of shape `(batch, visible.width)`.
        """
        return machine_lib.hidden_mean(
            self.machine(), self._states(self._checked_states(v))
        )

    def predict_visible(self, h: Array) -> Tensor:
        """E[v | h], of shape `(batch, visible.width)`.

        Args:
            h: Array of shape `(batch, hidden.width)`, of states or means.
        """
        h = inputs_lib.checked(h, self.hidden, "h")
        return machine_lib.visible_mean(self.machine(), self._states(h))

    def predict_reconstruction(self, v: Array) -> Tensor:
        """E[v' | h = E[h | v]], of shape `(batch, visible.width)`.

        A mean-field pass up and down, without draws.

        Args:
            v: Array of shape `(batch, visible.width)`.
        """
        machine = self.machine()
        v = self._states(self._checked_states(v))
        hidden = machine_lib.hidden_mean(machine, v)
        return machine_lib.visible_mean(machine, hidden)

    def denoise(
        self,
        v: Array,
        num_sweeps: int = 10,
        seed: int | None = None,
        sampler: Sampler | None = None,
        verbose: Verbose = "auto",
        inverse_temperature: float = 1.0,
    ) -> Tensor:
        """Mean of E[v | h] over the later half of some sweeps from `v`.

        The first half lets the chain leave the noise. Means instead of draws
        of v leave out the variance that the last half-sweep would add
        (Rao-Blackwell). The longer the run, the less is left of `v`: after
        very many sweeps it is the mean of the model.

        Args:
            v: Array of shape `(batch, visible.width)`.
            num_sweeps: Number of sweeps.
            seed: Integer from 0 to 2**64 - 1: the same seed gives the same
                average. `None` for another at each call.
            sampler: `Gibbs()`, `Tempered()` or `None`, as for `sample`.
            verbose: `"auto"` for a progress bar on a screen if it takes more
                than a few seconds, 1 or 0.
            inverse_temperature: What to multiply that of the model by.

        Returns:
            Tensor of shape `(batch, visible.width)`, of means.

        Raises:
            ValueError: If an argument is not as described.
        """
        return self._sample(
            self._finite_machine(inverse_temperature),
            inputs_lib.checked(v, self.visible, "v"),
            sampling.stream(seed, _DENOISE),
            num_sweeps,
            sampler=sampler,
            run=averages.visible_mean,
            verbose=verbose,
        )

    def predict_missing(
        self,
        v: Array,
        mask: Mask,
        num_sweeps: int = 1000,
        seed: int | None = None,
        sampler: Sampler | None = None,
        verbose: Verbose = "auto",
        inverse_temperature: float = 1.0,
    ) -> Tensor:
        """E[v_missing | v_known], by the mean of E[v_missing | h] over sweeps.

        Of the later half of the sweeps of samples from p(v_missing, h |
        v_known). `conditional` is exact where there are few states.

        Args:
            v: Array of shape `(batch, visible.width)`, as for `inpaint`.
            mask: Boolean array, `True` where an entry is missing.
            num_sweeps: Number of sweeps.
            seed: As for `denoise`, as are the others.
            sampler: `Gibbs()`, `Tempered()` or `None`.
            verbose: `"auto"`, 1 or 0.
            inverse_temperature: A positive number.

        Returns:
            Tensor of shape `(batch, visible.width)`: means where entries are
            missing, elsewhere the values of `v` to the bit.

        Raises:
            ValueError: If an argument is not as described.
        """
        machine = self._finite_machine(inverse_temperature)
        stream = sampling.stream(seed, _MISSING)
        given, mask = starts.filled(machine, v, mask, stream)
        return self._sample(
            machine,
            given,
            stream,
            num_sweeps,
            ~mask,
            sampler,
            run=averages.visible_mean,
            verbose=verbose,
        )

    def conditional(
        self, v: Array, mask: Mask, verbose: Verbose = "auto"
    ) -> conditional_lib.Conditional:
        """Log p(v_missing | v_known) of all states of the missing part.

        By enumeration: log p(v_missing | v_known) = -F(v) - log
        sum_missing exp(-F(v)).

        Args:
            v: Array of shape `(batch, visible.width)`. What it holds where
                entries are missing is not looked at, and may be NaN.
            mask: Boolean array of shape `(visible.width,)`, `True` where
                entries are missing; they have at most 2**16 joint states.
            verbose: `"auto"` for a progress bar on a screen if it takes long,
                1 or 0.

        Returns:
            A `Conditional`, a named tuple of `states`, of shape
            `(num_states, missing columns)`, and `log_probabilities`, of shape
            `(batch, num_states)`, in nats.

        Raises:
            ValueError: If an argument is not as described, or the missing
                part has too many states.
        """
        machine = machine_lib.cast(self.machine(), "float64")
        sampling.check_finite(machine)
        return conditional_lib.conditional(machine, v, mask, verbose)
