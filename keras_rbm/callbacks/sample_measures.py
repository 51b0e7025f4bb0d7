"""`SampleMeasures`: measures of samples against data, as curves."""

import keras
import numpy as np

from keras_rbm import checks, sample_measures
from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.periodic import Measurement, as_rows, completed
from keras_rbm.plots.pictures import current_samples
from keras_rbm.typing import Array, Logs, Path

# Most samples, and most rows of the data, that are compared.
_MOST = 500
# Number of draws if the chain keeps no particles.
_DRAWS = 100


class SampleMeasures(Measurement):
    """Writes to TensorBoard every few epochs how samples differ from data.

    The samples are the fantasy particles, at most 500 of them, or, if the chain
    keeps none, 100 draws after 100 sweeps. A single particle is not measured.
    `keras_rbm.evaluation` describes the measures, which are in the group
    `3 Chains`:

    - `adversarial_accuracy`: 0.5 is ideal, 1 for samples unlike the data.
    - `privacy_gap`, with `v_train`: above 0 if samples are closer to the
      training data than to `v`.
    - `moment_1_correlation`, `moment_2_correlation`, `moment_3_correlation`:
      correlation between the means, covariances and third moments of the
      samples and of the data; 1 is ideal.
    - `pca_distance`: the largest Wasserstein distance on the first three
      principal axes of the data, in standard deviations.
    - `mmd_squared`: the maximum mean discrepancy, about 0 at best.
    - `cluster_distance`: the distance between the shares of ten clusters of
      the data, from 0 to 1; `clusters_missed`: the number of clusters that
      the samples miss.

    Rows with missing entries are completed first, by draws of the model given
    the observed entries.

    With few particles these numbers are noisy. Report the numbers of
    `evaluate`, which takes 1,000 samples.

    Args:
        log_dir: Path of TensorBoard's log directory.
        v: Array of shape `(examples, example_units.width)`, validation data, of
            two or more examples; at most 500 of them are used.
        v_train: Training data of the same form, or `None`.
        every: Number of epochs between two measurements. The first and the
            last epoch of a `fit` are measured, too. If a callback after this
            one stops the training at the end of an epoch, that epoch does not
            count as the last one.

    Raises:
        ValueError: If `every` is not a positive integer, if `v` or `v_train`
            has fewer than two rows, or, when `fit` begins, if the data cannot
            be states of the visible units.

    Example:
        measures = callbacks.SampleMeasures("logs", validation, train)
        rbm.fit(train, updates=100, callbacks=[measures], verbose=0)
    """

    def __init__(
        self,
        log_dir: Path,
        v: Array,
        v_train: Array | None = None,
        every: int = 10,
    ):
        super().__init__(log_dir, every)
        self.v, self.v_train = (
            None if x is None else np.asarray(checks.unmasked(x))
            for x in (v, v_train)
        )
        for name, x in (("v", self.v), ("v_train", self.v_train)):
            if x is not None and not (x.ndim and len(x) > 1):
                raise ValueError(
                    f"`{name}` must have two or more rows, which can be "
                    f"compared with samples. Received: {name}.shape={x.shape}"
                )

    def on_train_begin(self, logs: Logs = None) -> None:
        self.model.check_examples(self.v, "v")
        self.v = as_rows(self.model, self.v)
        if self.v_train is not None:
            self.model.check_examples(self.v_train, "v_train")
            self.v_train = as_rows(self.model, self.v_train, "v_train")
        super().on_train_begin(logs)

    def measure(self, step: int) -> dict[str, float]:
        if not self.model.can_sample:
            return {}
        count = _DRAWS if self.model.chain.num_chains is None else _MOST
        samples = keras.ops.convert_to_numpy(current_samples(self.model, count))
        if len(samples) < 2:
            return {}
        v_train = self.v_train
        found = sample_measures.compare_samples(
            completed(self.model, self.v),
            samples,
            None if v_train is None else completed(self.model, v_train),
            max_rows=_MOST,
        )
        values = {
            "adversarial_accuracy": found["adversarial_accuracy"]["value"],
            "pca_distance": max(found["pca_distance"], default=0.0),
            "mmd_squared": found["maximum_mean_discrepancy"]["squared"],
            "cluster_distance": found["cluster_coverage"]["distance"],
            "clusters_missed": found["cluster_coverage"]["missed"],
            **{
                f"moment_{moment['order']}_correlation": moment["correlation"]
                for moment in found["moments"]
            },
        }
        if found["privacy_gap"] is not None:
            values["privacy_gap"] = found["privacy_gap"]
        return {f"{tensorboard.CHAINS}/{k}": x for k, x in values.items()}
