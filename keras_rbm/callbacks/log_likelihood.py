"""`LogLikelihood`: mean log p(v) of held-out data during training."""

import logging
import math
import re
from typing import Literal

import numpy as np

from keras_rbm import checks
from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.periodic import Measurement
from keras_rbm.likelihood.bracket import (
    MIN_EFFECTIVE_SAMPLE_SIZE,
    MIN_REVERSE_EFFECTIVE_SAMPLE_SIZE,
)
from keras_rbm.models import log_likelihood
from keras_rbm.models.weights import averaged_weights
from keras_rbm.typing import Array, Logs, Method, Path, State

#: Names in the logs, after `val_` for validation data. `Scalars` leaves them
#: out, since this callback writes them itself.
NAMES = (
    "log_likelihood",
    "log_likelihood_upper",
    "log_likelihood_epoch",
    "log_likelihood_baseline",
)

_LOG = logging.getLogger("keras_rbm")
# The most states that "auto" enumerates, in half a second at 784 x 16.
_MOST_STATES = 2**16
# The effective sample size of reverse AIS is multiplied by this factor, so that
# the limit of AIS holds for both directions.
_REVERSE = MIN_EFFECTIVE_SAMPLE_SIZE / MIN_REVERSE_EFFECTIVE_SAMPLE_SIZE


class LogLikelihood(Measurement):
    """Measures mean log p(v) with its bracket, every few epochs.

    The callback uses the averaged weights if the optimizer keeps them, and
    changes no state of the model. It measures after the first epoch of each
    `fit`, after each epoch that `every` divides, and after the last epoch. It
    adds these values to the logs:

    - `val_log_likelihood`: the lower bound of the bracket, in nats;
    - `val_log_likelihood_upper`: the upper bound, equal to the lower bound if
      log Z and all sums over missing entries are exact;
    - `val_log_likelihood_epoch`: the epoch of the measurement, counted from 1;
    - `val_log_likelihood_baseline`: the log-likelihood of the same examples
      under independent units with the moments of the training data, which a
      model that has learned anything exceeds.

    In the epochs in between, the logs repeat the last numbers, so that other
    callbacks can use them. A file of `CSVLogger` has a number in every row.
    `ModelCheckpoint(monitor="val_log_likelihood", mode="max",
    save_best_only=True)` saves only after a measurement.
    `EarlyStopping(monitor="val_log_likelihood", mode="max", patience=...)`
    counts the epochs in between as epochs without improvement: set its
    patience to a multiple of `every`. **Put this callback before callbacks
    that use its numbers.** If such a callback stops the training at the end of
    an epoch, this epoch counts as an epoch in between. If training diverges
    before the first measurement, the numbers are minus infinity.

    The callback also writes to TensorBoard, to the group `2 Likelihood` of the
    run `validation`: `log_likelihood_lower` and `log_likelihood_upper`,
    `log_partition_lower` and `log_partition_upper`, `log_likelihood_baseline`,
    `standard_error` (of the log-likelihood) and, for AIS,
    `effective_sample_size`, the smaller one of the two directions. Chains of
    reverse AIS count twice, because only half of them start from samples of the
    model; the bracket is not trusted below 50. *Custom Scalars* shows the
    bracket as a band, with the baseline.

    Missing entries are summed out: exactly if few are missing (see
    `likelihood.exact_rows`), and otherwise by estimates from below and from
    above. The bounds and `standard_error` include the errors of these
    estimates. `num_betas` and `num_chains` do not affect the estimates.

    The logger `keras_rbm` gets reasons not to trust a bracket, or these
    estimates, as warnings, each kind once for each `fit`. If the model is no
    better than independent units at the end of `fit`, a warning says so, with
    possible reasons.

    Args:
        log_dir: Path of TensorBoard's log directory.
        v: Array of shape `(examples, visible.width)` of states, such as
            binarized images.
        every: Number of epochs between two measurements.
        method: `"exact"` or `"ais"`, as for `RBM.log_partition`; `"auto"` for
            `"exact"` if a side has at most 2**16 states, which takes less than
            a second, and `"ais"` otherwise.
        num_betas: Number of steps of the annealing. The default is coarse, but
            suffices for curves; use 10,000 or more for numbers that you
            report.
        num_chains: Number of chains of the annealing.
        num_sweeps: Number of sweeps before reverse AIS starts.
        seed: Integer from 0 to 2**64 - 1; each measurement uses the same
            draws. `None` for a seed from Python's generator.
        split: `"validation"`, or `"train"` for training examples. For
            `"train"`, the names in the logs have no `val_`, and the run is
            `train`.

    Raises:
        ValueError: If an argument is not as described, or, when `fit` begins,
            if `v` are not states of the visible units.

    Example:
        measure = callbacks.LogLikelihood("logs", x, every=5)
        rbm.fit(x, updates=100, callbacks=[measure], verbose=0)
    """

    def __init__(
        self,
        log_dir: Path,
        v: Array,
        every: int = 10,
        method: Method = "auto",
        num_betas: int = 1000,
        num_chains: int = 100,
        num_sweeps: int = 100,
        seed: int | None = 0,
        split: Literal["validation", "train"] = "validation",
    ):
        if split not in ("validation", "train"):
            raise ValueError(
                '`split` must be "validation" or "train". Received: '
                f"split={split!r}"
            )
        if method not in ("auto", "exact", "ais"):
            raise ValueError(
                '`method` must be "auto", "exact" or "ais". Received: '
                f"method={method!r}"
            )
        super().__init__(log_dir, every, split)
        self.v = np.asarray(checks.unmasked(v))
        self.method = method
        self.num_betas = checks.positive_integer("num_betas", num_betas)
        self.num_chains = checks.positive_integer("num_chains", num_chains)
        self.num_sweeps = checks.positive_integer("num_sweeps", num_sweeps)
        self.seed = checks.seed(seed)
        self.split = split
        #: The latest log Z, an `Exact` or a `Bracket`, and the epoch of its
        #: measurement, counted from 1.
        self.log_partition, self.measured_epoch = None, 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self.model.check_states(self.v, "v")
        super().on_train_begin(logs)
        with self.writing(0):
            tensorboard.write_bands()
        self.log_partition, self.measured_epoch = None, 0
        self._latest = (-math.inf, -math.inf, 0, -math.inf)
        self._gain = None  # The latest gain and its standard error.
        self._warned_of = set()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        super().on_epoch_end(epoch, logs)
        if logs is not None:
            prefix = "val_" if self.split == "validation" else ""
            for name, value in zip(NAMES, self._latest, strict=True):
                logs[prefix + name] = value

    def get_state(self) -> State:
        return super().get_state() | {
            "latest": self._latest,
            "told": sorted(self._warned_of),
            "gain": self._gain,
        }

    def set_state(self, state: State) -> None:
        super().set_state(state)
        self._warned_of = set(state["told"])
        # Older checkpoints have no baseline.
        self._latest = (*state["latest"], -math.inf)[: len(NAMES)]
        gain = state.get("gain")
        self._gain = None if gain is None else tuple(gain)

    def on_train_end(self, logs: Logs = None) -> None:
        super().on_train_end(logs)
        if self._gain is not None and self._gain[0] <= self._gain[1]:
            _LOG.warning(
                "%s data: %s", self.split, log_likelihood.no_better(*self._gain)
            )

    def measure(self, step: int) -> dict[str, float]:
        with averaged_weights(self.model):
            found = self.model.log_likelihood(
                self.v,
                self._method(),
                num_betas=self.num_betas,
                num_chains=self.num_chains,
                num_sweeps=self.num_sweeps,
                seed=self.seed,
                verbose=0,
            )
        ends = [
            end if math.isfinite(end) else -math.inf
            for end in (found.lower, found.upper)
        ]
        self.log_partition = log_partition = found.log_partition
        self.measured_epoch = step
        baseline = -math.inf if found.baseline is None else found.baseline
        self._latest = (*ends, step, baseline)
        self._gain = None
        if found.baseline is not None:
            gain = (found.gain, found.gain_standard_error)
            self._gain = gain if np.isfinite(gain).all() else None
        self._warn(step, (*log_partition.warnings, *found.scores_warnings))
        values = {
            "log_likelihood_lower": found.lower,
            "log_likelihood_upper": found.upper,
            "log_likelihood_baseline": baseline,
            "log_partition_lower": log_partition.lower,
            "log_partition_upper": log_partition.upper,
            "standard_error": found.standard_error,
        }
        if log_partition.forward is not None:
            values["effective_sample_size"] = min(
                log_partition.forward.effective_sample_size,
                _REVERSE * log_partition.reverse.effective_sample_size,
            )
        return {
            f"{tensorboard.LIKELIHOOD}/{name}": x for name, x in values.items()
        }

    def _method(self):
        if self.method != "auto":
            return self.method
        counts = [
            side.num_joint_states or math.inf
            for side in (self.model.visible, self.model.hidden)
        ]
        return "exact" if min(counts) <= _MOST_STATES else "ais"

    def _warn(self, step, reasons):
        for reason in reasons:
            # Each sentence is logged only once, whatever its numbers.
            kind = re.sub(r"[-+]?(\d[\d.]*|inf|nan)", "", reason)
            if kind not in self._warned_of:
                self._warned_of.add(kind)
                _LOG.warning(
                    "the %s log-likelihood of epoch %d is a rough one: %s",
                    self.split,
                    step,
                    reason,
                )
