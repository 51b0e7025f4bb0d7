"""The likelihood of a model with two hidden layers, by a bound."""

from typing import NoReturn

from keras import ops

from keras_rbm import likelihood
from keras_rbm import machine as machine_lib
from keras_rbm.models import inputs, log_likelihood, mean_field, top_layer
from keras_rbm.models.log_likelihood import LogLikelihood
from keras_rbm.typing import Array, Examples, Mask, Method, Tensor, Verbose

# Examples whose free energy annealing is held against.
_EXAMPLES = 10_000


class Variational:
    """What is known of log p(v) where the hidden layers cannot be summed out.

    A part of `DeepBoltzmannMachine`, which has what this needs. As the other
    models' likelihoods, the bound is computed in the dtype of the variables.
    """

    has_pseudo_likelihood = False
    has_likelihood_bounds = True

    def free_energy(self, v: Array) -> Tensor:
        """Bound on -log p(v) - log Z from above, of shape `(batch,)`."""
        v = self._states(self._checked_states(v))
        return -mean_field.measured_bound(self._measured_machine(), v)

    def log_partition(
        self,
        method: Method = "auto",
        v: Examples | None = None,
        *args,
        **kwargs,
    ) -> likelihood.Exact | likelihood.Bracket:
        """Log Z, as `RBM.log_partition`, of (v, h1, h2)."""
        if v is not None:
            batches = inputs.states(v, self.features, _EXAMPLES)
            v = ops.convert_to_numpy(top_layer.drawn(self, next(batches), 0))
        return super().log_partition(method, v, *args, **kwargs)

    def log_likelihood(
        self,
        v: Examples,
        method: Method = "auto",
        log_partition: likelihood.Exact | likelihood.Bracket | None = None,
        **kwargs,
    ) -> LogLikelihood:
        """Variational bound on the mean of log p(v), as `RBM.log_likelihood`.

        log p(v) >= E_q[-E(v, h1, h2)] + H(q) - log Z, whose last term is as
        sure as `log_partition` is.
        """
        log_likelihood.check_arguments(method, log_partition, kwargs)
        scores = log_likelihood.by_batch(
            mean_field.measured_bound,
            self._measured_machine(),
            v,
            self.features,
        )
        if log_partition is None:
            log_partition = self.log_partition(method, v=v, **kwargs)
        return log_likelihood.LogLikelihood(
            scores.astype("float64"), log_partition, is_bound=True
        )

    def pseudo_log_likelihood(self, v: Examples) -> NoReturn:
        """Is not to be had."""
        raise _cannot_be_summed("pseudo-likelihood", "log_likelihood")

    def conditional(
        self, v: Array, mask: Mask, verbose: Verbose = "auto"
    ) -> NoReturn:
        """Is not to be had."""
        raise _cannot_be_summed("exact conditional", "predict_missing")

    def _measured_machine(self):
        return machine_lib.cast(self.machine(), self.variable_dtype)


def _cannot_be_summed(what, instead):
    return ValueError(
        f"There is no {what} of a deep Boltzmann machine: its hidden layers "
        f"cannot be summed out. Take `{instead}`."
    )
