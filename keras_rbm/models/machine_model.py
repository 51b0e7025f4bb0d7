"""What can be asked of a model that is a machine."""

import keras
import numpy as np
from keras import ops

from keras_rbm import devices, likelihood
from keras_rbm import machine as machine_lib
from keras_rbm.models import dense
from keras_rbm.models import inputs as inputs_lib
from keras_rbm.models import log_likelihood as log_likelihood_lib
from keras_rbm.models.learned import Learned
from keras_rbm.models.moments import moments
from keras_rbm.models.predictions import Predictions
from keras_rbm.models.sampling_methods import SamplingMethods
from keras_rbm.models.serving import Serving
from keras_rbm.models.unsupervised import UnsupervisedModel
from keras_rbm.typing import Array, Examples, Method, Shape, Tensor, Verbose


class MachineModel(
    Learned, Predictions, SamplingMethods, Serving, UnsupervisedModel
):
    """A Keras model around a `Machine`, its current parameters.

    Subclasses have `visible` and `hidden`, the `Units` of the two sides,
    `parameters`, `inverse_temperature`, `data_mean` and `data_variance`,
    variables with the moments of the training data, and `fantasy_particles`,
    samples or `None`.
    """

    @property
    def kernel(self) -> keras.Variable:
        """W, variable of shape `(visible.width, hidden.width)`."""
        return self.parameters.kernel

    @property
    def visible_params(self) -> dict[str, keras.Variable]:
        """Variables of the visible units by name, such as `"bias"`."""
        return self.parameters.visible_params

    @property
    def hidden_params(self) -> dict[str, keras.Variable]:
        """Variables of the hidden units by name, such as `"bias"`."""
        return self.parameters.hidden_params

    @property
    def machine_particles(self) -> Tensor | None:
        """`fantasy_particles` as states of the machine's visible side."""
        return self.fantasy_particles

    #: Whether `log_likelihood` is a variational bound.
    has_likelihood_bounds = False

    @property
    def has_pseudo_likelihood(self) -> bool:
        """Whether `pseudo_log_likelihood` is to be had."""
        return likelihood.pseudo_likelihood_is_defined(self.visible)

    def machine_states(self, v: Array) -> Tensor:
        """Examples as states of the machine's visible side."""
        return self._states(v)

    def machine(self) -> machine_lib.Machine:
        """The current parameters as a `Machine`, scaled by beta.

        Under a mixed policy the kernel is in the compute dtype and all else
        in that of the variables.
        """
        machine = self.parameters.machine()
        if self.inverse_temperature != 1.0:
            machine = machine_lib.scale(machine, self.inverse_temperature)
        kernel = ops.cast(machine.kernel, self.compute_dtype)
        return machine._replace(kernel=kernel)

    def call(self, inputs: Tensor) -> Tensor:
        """E[h | v], of shape `(batch, hidden.width)`."""
        mean = machine_lib.hidden_mean(self.machine(), self._states(inputs))
        return ops.cast(mean, self.compute_dtype)

    def __call__(self, inputs, *args, **kwargs):
        """`call`, with inputs checked before Keras converts them."""
        inputs = inputs_lib.called(inputs, self.example_units, "v")
        return super().__call__(inputs, *args, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.hidden.width)

    def to_dense(self, **kwargs) -> keras.layers.Dense:
        """A `keras.layers.Dense` that gives the same as a call, E[h | v].

        Its kernel and bias are copies of W and of the hidden bias, at the
        model's inverse temperature; nothing of the visible units is left.

        Args:
            **kwargs: Arguments of `keras.layers.Dense`, such as `name` or
                `kernel_constraint`; an `activation` takes the place of that of
                the hidden units.

        Returns:
            A `keras.layers.Dense` that is built.

        Raises:
            ValueError: If the hidden units' mean is no activation of Keras,
                and none is given: use the model itself as a layer.
        """
        if type(self).call is not MachineModel.call:
            raise ValueError(
                "A call of this model is more than one layer: use the model "
                f"itself as one. Received: {type(self).__name__}"
            )
        return dense.encoder(self, **kwargs)

    def free_energy(self, v: Array) -> Tensor:
        """F(v) = -log sum_h exp(-beta E(v, h)), of shape `(batch,)`, in nats.

        Lower is more probable: log p(v) = -F(v) - log Z.
        """
        v = self._states(self._checked_states(v))
        return machine_lib.free_energy(self.machine(), v)

    def log_partition(
        self,
        method: Method = "auto",
        v: Examples | None = None,
        num_betas: int = 10_000,
        num_chains: int = 200,
        num_sweeps: int = 1000,
        seed: int | None = None,
        verbose: Verbose = "auto",
    ) -> likelihood.Exact | likelihood.Bracket:
        """Log Z, exactly or between two estimates.

        Args:
            method: `"exact"` for enumeration of the smaller side, up to 2**25
                states (or the closed form, of two sides of Gaussian units);
                `"ais"` for annealed importance sampling and its
                reverse; `"auto"` for the first where it can be had.
            v: Data as for `log_likelihood`, against whose mean free energy
                AIS is held (the first 10,000 examples), or `None`.
            num_betas: Number of steps of the annealing.
            num_chains: Number of chains of the annealing.
            num_sweeps: Number of sweeps that bring the fantasy particles (or,
                where the chain keeps none, draws from the base rates of the
                training data) to the samples that the reverse starts from.
            seed: Integer from 0 to 2**64 - 1: the same seed gives the same
                estimate. `None` for another at each call.
            verbose: `"auto"` for a progress bar on a screen if it takes more
                than a few seconds, 1 or 0.

        Returns:
            A `likelihood.Exact` or a `likelihood.Bracket`. Both have `lower`,
            `upper`, `standard_error`, `trusted` and `warnings`.

        Raises:
            ValueError: If an argument is not as described, or neither side
                can be enumerated with `method="exact"`.

        Reference: Salakhutdinov and Murray (2008), "On the quantitative
            analysis of deep belief networks"; Krause, Fischer and Igel
            (2020), "Algorithms for estimating the partition function of
            restricted Boltzmann machines".
        """
        machine = machine_lib.cast(self.machine(), self.variable_dtype)
        if log_likelihood_lib.is_exact(method, machine):
            return likelihood.exact(machine, verbose)
        with devices.scope(self.distribute_strategy):
            return log_likelihood_lib.bracket(
                machine,
                self._base_moments(),
                self.machine_particles,
                v,
                num_betas,
                num_chains,
                num_sweeps,
                seed,
                verbose,
            )

    def log_likelihood(
        self,
        v: Examples,
        method: Method = "auto",
        log_partition: likelihood.Exact | likelihood.Bracket | None = None,
        **kwargs,
    ) -> log_likelihood_lib.LogLikelihood:
        """Mean log p(v) = -mean F(v) - log Z, with its uncertainty.

        Args:
            v: Array of shape `(examples, visible.width)` of states, or a
                finite `tf.data.Dataset` of batches of them. Grey values are
                refused: they have no probability under binary units.
            method: As for `log_partition`.
            log_partition: What `log_partition` returned for the same weights,
                or `None` to compute it; with it, no other argument is of use.
            **kwargs: Further arguments of `log_partition`.

        Returns:
            A `LogLikelihood`: `float(it)` and `it.lower` are the pessimistic
            end, `it.upper` is the other one, `print(it)` tells all.

        Raises:
            ValueError: If the data are not states of the visible units, or
                an argument is not as described.
        """
        log_likelihood_lib.check_arguments(method, log_partition, kwargs)
        machine = machine_lib.cast(self.machine(), self.variable_dtype)
        scores = log_likelihood_lib.scores(machine, v)
        if log_partition is None:
            log_partition = self.log_partition(method, v=v, **kwargs)
        return log_likelihood_lib.LogLikelihood(scores, log_partition)

    def pseudo_log_likelihood(self, v: Examples) -> np.ndarray:
        """sum_i log p(v_i | v_-i) of each example, over all sites i.

        Args:
            v: As for `log_likelihood`.

        Returns:
            `float64` array of shape `(examples,)`, in nats.

        Raises:
            ValueError: If the data are not states of visible units that have
                two.

        Reference: Besag (1975), "Statistical analysis of non-lattice data".
        """
        machine = machine_lib.cast(self.machine(), self.variable_dtype)
        return log_likelihood_lib.pseudo_log_likelihood(machine, v)

    def _base_moments(self):
        """Mean and variance of the base that the machine is annealed from."""
        return self.data_mean.value, self.data_variance.value

    def _look_at(self, x, sample_weight):
        """Keeps the moments of the data, and returns them."""
        mean, variance = self._moments(x, sample_weight)
        self.data_mean.assign(mean)
        self.data_variance.assign(variance)
        return mean, variance

    def _moments(self, x, sample_weight):
        return moments(x, self.example_units, "x", sample_weight)

    def _checked_states(self, v):
        return inputs_lib.checked(v, self.example_units, "v")

    def _states(self, v):
        return ops.cast(v, self.variable_dtype)
