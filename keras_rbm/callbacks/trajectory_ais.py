"""`TrajectoryAIS`: an estimate of log Z at each epoch, at little cost."""

import logging
import math

import numpy as np
import tensorflow as tf

from keras_rbm import checks, gibbs, json_arrays, likelihood, random
from keras_rbm import machine as machine_lib
from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.log_likelihood import LogLikelihood
from keras_rbm.callbacks.periodic import Measurement
from keras_rbm.likelihood.estimate import check_samples, estimate
from keras_rbm.models.weights import averaged_weights
from keras_rbm.random import Use
from keras_rbm.typing import Logs, Path, State

#: Names in the logs. `Scalars` leaves them out, since this callback writes them
#: itself.
NAMES = (
    "log_partition_trajectory",
    "effective_sample_size_trajectory",
    "log_likelihood_trajectory",
)

_LOG = logging.getLogger("keras_rbm")
# Steps from the base to the first machine.
_FIRST_BETAS = 500
# Between measurements, the chains move when the updates have grown by this.
_GROWTH = 1.5
# With a smaller effective share of chains, their spread does not show the
# error.
_LEAST_SHARE = 0.1
# Number of standard errors by which the estimates may differ.
_ERRORS = 4


class TrajectoryAIS(Measurement):
    """Estimates log Z of the model while it trains, along its own path.

    The callback has its own chains, which do not take part in training.
    They start from units without coupling. At log-spaced updates, after the
    first epoch, after each epoch that `every` divides, and after the last
    epoch, the chains move from their current machine to the model (with
    averaged weights, if the optimizer keeps them), by `num_betas` steps of
    `likelihood.anneal_between`. Each step weighs and sweeps all chains, and
    the weights give log Z as in `likelihood.trajectory_ais`. A measurement
    costs about a twentieth of a measurement by `LogLikelihood`. This callback
    does not change the training.

    The logs get `log_partition_trajectory`, the estimate in nats, and
    `effective_sample_size_trajectory`, from 1 to `num_chains`, which falls if
    the model changes faster than the chains mix. In the epochs in between, the
    logs repeat the last numbers. If a callback after this one stops the
    training at the end of an epoch, that epoch counts as an epoch in between,
    not as the last one. TensorBoard gets the numbers in the run of
    `log_likelihood`, or otherwise in `train`, in the group `2 Likelihood`.

    With a `log_likelihood`, which must precede this callback, the logs also
    get `log_likelihood_trajectory`, the mean log p(v) of its examples with
    this log Z, after each epoch, unless entries of the examples are missing. In
    epochs with both measurements, the estimate is compared with log Z by AIS or
    by enumeration. If they differ by more than their errors, the logger
    `keras_rbm` gets a warning, once for each `fit`: annealing in temperature
    and the trajectory find different modes.

    Args:
        log_dir: Path of TensorBoard's log directory.
        log_likelihood: A `LogLikelihood` callback to compare with, or `None`.
        every: Number of epochs between two estimates.
        num_chains: Number of chains.
        num_betas: Number of steps of each move.
        seed: Integer from 0 to 2**64 - 1; `None` for a seed from Python's
            generator.

    Raises:
        ValueError: If an argument is not as described, or, when `fit` begins,
            if units of the model can only be sampled approximately.

    Reference: See `likelihood.trajectory_ais`.

    Example:
        log_likelihood = callbacks.LogLikelihood("logs", v, every=10)
        trajectory = callbacks.TrajectoryAIS("logs", log_likelihood)
        measures = [log_likelihood, trajectory]
        rbm.fit(x, updates=100, callbacks=measures, verbose=0)
    """

    def __init__(
        self,
        log_dir: Path,
        log_likelihood: LogLikelihood | None = None,
        every: int = 1,
        num_chains: int = 100,
        num_betas: int = 100,
        seed: int | None = 0,
    ):
        if not isinstance(log_likelihood, LogLikelihood | None):
            raise ValueError(
                "`log_likelihood` must be a LogLikelihood callback, or None. "
                f"Received: log_likelihood={log_likelihood!r}"
            )
        run = "train" if log_likelihood is None else log_likelihood.split
        super().__init__(log_dir, every, run)
        self.log_likelihood = log_likelihood
        self.num_chains = checks.positive_integer("num_chains", num_chains)
        self.num_betas = checks.positive_integer("num_betas", num_betas)
        self.seed = checks.seed(seed)
        #: The latest `likelihood.Estimate`, or `None`.
        self.estimate = None
        self._model_of_chains = None
        self._begin()

    def on_train_begin(self, logs: Logs = None) -> None:
        super().on_train_begin(logs)
        check_samples(self.model.machine())
        # The chains belong to a model. A resumed run gets its chains
        # afterwards, by `set_state`.
        same = self.model is self._model_of_chains
        if not same or not self._count() or self._count() < self._updates:
            self._begin()
        self._model_of_chains = self.model
        self._warned_of = set()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._count() >= max(_GROWTH * self._updates, 1):
            self._move()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        super().on_epoch_end(epoch, logs)
        if logs is not None:
            for name, value in zip(NAMES, self._latest, strict=True):
                if not math.isnan(value):
                    logs[name] = value

    def measure(self, step: int) -> dict[str, float]:
        if self._count() > self._updates or self._machine is None:
            self._move()
        self.estimate = found = estimate(
            self._base, self._log_weights.numpy(), self._v.numpy()
        )
        self._latest = (
            found.log_z,
            found.effective_sample_size,
            self._mean_score() - found.log_z,
        )
        self._check(step, found)
        return {
            f"{tensorboard.LIKELIHOOD}/{name}": value
            for name, value in zip(NAMES, self._latest, strict=True)
        }

    def get_state(self) -> State:
        state = super().get_state() | {
            "latest": self._latest,
            "told": sorted(self._warned_of),
        }
        if self._machine is not None:
            state |= {
                "updates": self._updates,
                "steps": self._steps,
                "v": json_arrays.encode(self._v),
                "log_weights": json_arrays.encode(self._log_weights),
                "base": machine_lib.get_config(self._base),
                "machine": machine_lib.get_config(self._machine),
            }
        return state

    def set_state(self, state: State) -> None:
        super().set_state(state)
        self._begin()
        # Older checkpoints have no likelihood.
        self._latest = (*state["latest"], math.nan)[: len(NAMES)]
        self._warned_of = set(state["told"])
        if "machine" in state:
            self._updates, self._steps = state["updates"], state["steps"]
            self._v, self._log_weights = (
                tf.constant(json_arrays.decode(state[name]))
                for name in ("v", "log_weights")
            )
            self._base, self._machine = (
                machine_lib.from_config(state[name])
                for name in ("base", "machine")
            )

    def _begin(self):
        self._updates = self._steps = 0
        self._base = self._machine = self._v = self._log_weights = None
        self._latest = (math.nan, math.nan, math.nan)

    def _move(self):
        """Moves the chains from their current machine to the model."""
        with averaged_weights(self.model):
            machine = machine_lib.absorb_beta(self.model.machine())
            machine = machine_lib.cast(machine, self.model.variable_dtype)
        num_betas = self.num_betas
        if self._machine is None:
            num_betas = _FIRST_BETAS
            base = self.model.base_machine(machine)
            self._base = base._replace(kernel=tf.zeros_like(base.kernel))
            self._machine = machine_lib.absorb_beta(self._base)
            self._v = gibbs.sample_without_inputs(
                self._base,
                self.num_chains,
                random.fold_in(self._stream(), Use.START),
            )
            self._log_weights = tf.zeros((self.num_chains,), "float64")
        self._v, self._log_weights = likelihood.anneal_between(
            self._machine,
            machine,
            self._v,
            self._log_weights,
            tf.constant(num_betas, "int32"),
            self._stream()._replace(first_row=tf.constant(0)),
            tf.constant(self._steps, "int64"),
        )
        self._machine = machine
        self._steps += num_betas
        self._updates = self._count()

    def _mean_score(self):
        """Mean log p(v) + log Z of the examples.

        NaN without examples, or if entries of them are missing.
        """
        if self.log_likelihood is None:
            return math.nan
        v = self.log_likelihood.v
        if np.isnan(v).any():
            return math.nan
        with averaged_weights(self.model):
            machine = machine_lib.cast(
                self.model.machine(), self.model.variable_dtype
            )
            return float(self.model.layout.scores(machine, v).mean())

    def _stream(self):
        return random.fold_in(random.stream(self.seed), Use.TRAJECTORY)

    def _check(self, step, found):
        """Warns of degenerate weights, and of estimates that differ."""
        if found.effective_sample_size < _LEAST_SHARE * self.num_chains:
            self._warn(
                "degenerate",
                "log Z along the trajectory is a rough one at epoch %d: the "
                "effective sample size is %.1f of %d. Take more `num_betas`, "
                "or more `num_chains`.",
                step,
                found.effective_sample_size,
                self.num_chains,
            )
            return
        other = self.log_likelihood
        if other is None or other.measured_epoch != step:
            return
        ends = other.log_partition
        distance = max(ends.lower - found.log_z, found.log_z - ends.upper)
        error = math.hypot(found.standard_error, ends.standard_error)
        if distance > _ERRORS * error:
            self._warn(
                "apart",
                "log Z of epoch %d is %.2f along the trajectory, and %.2f to "
                "%.2f by `LogLikelihood`: they are %.2f nats apart, %.1f of "
                "their errors. One of them has missed modes of the model; do "
                "not report a likelihood before you know which.",
                step,
                found.log_z,
                ends.lower,
                ends.upper,
                distance,
                distance / error if error else math.inf,
            )

    def _warn(self, kind, text, *values):
        if kind not in self._warned_of:
            self._warned_of.add(kind)
            _LOG.warning(text, *values)

    def _count(self):
        return int(self.model.updates.numpy())
