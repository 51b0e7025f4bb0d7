"""How near the samples of a model are to its family, in TensorBoard."""

import numpy as np
from keras import ops

from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.periodic import Measurement
from keras_rbm.sequences.alignment import Alignment
from keras_rbm.sequences.contacts import contact_map, positive_predictive_value
from keras_rbm.sequences.correlations import compare_correlations
from keras_rbm.sequences.files import codes_of
from keras_rbm.sequences.mutations import check_units
from keras_rbm.typing import Array, Path

_NAMES = {1: "frequencies", 2: "pairs", 3: "triples"}


class FamilyMeasures(Measurement):
    """Measures correlations of the fantasy particles, and contacts.

    The tags are `3 Chains/correlation_of_frequencies`, `..._of_pairs` and
    `..._of_triples` (see `compare_correlations`), and, with distances, `2
    Likelihood/contacts_L` and `contacts_2L`: the share of contacts among the
    first L and 2 L pairs, L the number of columns. A map of contacts takes
    seconds to minutes for a large family: choose `every` accordingly.

    Args:
        log_dir: Path of TensorBoard's log directory.
        alignment: The training data, an `Alignment` without missing entries.
        weights: Their weights, array of shape `(sequences,)`, or `None`.
        distances: Array of shape `(columns, columns)`, or `None`.
        every: Number of epochs from one time to the next.

    Raises:
        ValueError: If `every` is not a positive integer.

    Example:
        measures = sequences.FamilyMeasures("logs", family, w, every=10)
        rbm.fit(family.one_hot(), sample_weight=w, callbacks=[measures])
    """

    def __init__(
        self,
        log_dir: Path,
        alignment: Alignment,
        weights: Array | None = None,
        distances: Array | None = None,
        every: int = 10,
    ):
        super().__init__(log_dir, every)
        self.alignment = alignment
        self.weights = alignment.weight_vector(weights)
        self.distances = distances

    def measure(self, step: int) -> dict[str, float]:
        check_units(self.model, self.alignment)
        values = {}
        particles = self.model.fantasy_particles
        if particles is not None:
            drawn = Alignment(
                codes_of(
                    ops.convert_to_numpy(particles), self.alignment.alphabet
                ),
                alphabet=self.alignment.alphabet,
            )
            for found in compare_correlations(
                self.alignment, drawn, self.weights
            ):
                tag = f"{tensorboard.CHAINS}/correlation_of_"
                values[tag + _NAMES[found.order]] = found.correlation
        if self.distances is not None:
            scores = contact_map(self.model.machine())
            width = len(scores)
            shares = positive_predictive_value(
                scores, np.asarray(self.distances), [width, 2 * width]
            )
            for name, share in zip(("L", "2L"), shares, strict=True):
                tag = f"{tensorboard.LIKELIHOOD}/contacts_{name}"
                values[tag] = float(share)
        return values
