"""`FamilyMeasures` and `FamilyPictures`: TensorBoard for aligned sequences."""

import numpy as np
from keras import ops

from keras_rbm import checks, plots
from keras_rbm.callbacks import tensorboard
from keras_rbm.callbacks.periodic import Display, Measurement
from keras_rbm.sequences import pictures
from keras_rbm.sequences.alignment import Alignment
from keras_rbm.sequences.alphabet import codes_of
from keras_rbm.sequences.contacts import (
    contact_map,
    num_known_pairs,
    positive_predictive_value,
)
from keras_rbm.sequences.correlations import compare_correlations
from keras_rbm.sequences.mutations import check_units
from keras_rbm.typing import Array, Path

_NAMES = {1: "frequencies", 2: "pairs", 3: "triples"}
# Number of columns, with the largest weights, of a hidden unit's logo.
_COLUMNS = 30
_DESCRIPTIONS = {
    "contacts": "The pairs of columns with the largest couplings, above the "
    "diagonal. With a structure, its contacts are grey, and pairs are green "
    "where they are contacts and red where they are not.",
    "principal_axes": "Training sequences and fantasy particles on the first "
    "two principal axes of the training sequences.",
    "correlations": "Frequencies and connected correlations in the fantasy "
    "particles against the same in the training sequences.",
    "family_logo": "The training sequences, in bits.",
    "logo": "The largest weights of a hidden unit: letters above the line "
    "switch the unit on.",
}


class FamilyMeasures(Measurement):
    """Measures correlations of the fantasy particles, and contacts.

    The tags are `3 Chains/correlation_of_frequencies`, `..._of_pairs` and
    `..._of_triples` (see `compare_correlations`), and, with distances, `2
    Likelihood/contacts_L` and `contacts_2L`: the share of contacts among the
    first L and 2 L pairs, where L is the number of columns. Only pairs of known
    distance that are at least 5 columns apart count; a tag is absent if there
    are fewer such pairs. A map of contacts takes seconds to minutes for a large
    family: choose `every` accordingly.

    Args:
        log_dir: Path of TensorBoard's log directory.
        alignment: The training data, an `Alignment` without missing entries.
        weights: Array of shape `(sequences,)`, or `None` for ones.
        distances: Array of shape `(columns, columns)`, or `None`.
        every: Number of epochs from one time to the next.

    Raises:
        ValueError: If an argument is not as described, or if `alignment` has
            fewer than 3 columns.

    Example:
        measures = sequences.FamilyMeasures("logs", family, w, every=10)
        rbm.fit(
            family.one_hot(), epochs=2, sample_weight=w, callbacks=[measures]
        )
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
        self.distances = _checked(alignment, distances)

    def measure(self, step: int) -> dict[str, float]:
        check_units(self.model, self.alignment)
        values = {}
        drawn = _particles(self.model, self.alignment)
        if drawn is not None:
            for found in compare_correlations(
                self.alignment, drawn, self.weights
            ):
                tag = f"{tensorboard.CHAINS}/correlation_of_"
                values[tag + _NAMES[found.order]] = found.correlation
        if self.distances is not None:
            scores = _scores(self.model, self.alignment)
            distances = self.distances
            most = num_known_pairs(scores, distances)
            for name, factor in (("L", 1), ("2L", 2)):
                count = factor * len(scores)
                if count > most:
                    break
                (share,) = positive_predictive_value(scores, distances, [count])
                tag = f"{tensorboard.LIKELIHOOD}/contacts_{name}"
                values[tag] = float(share)
        return values


class FamilyPictures(Display):
    """Draws contacts, principal axes, correlations and logos.

    The tags are `1 Images/contacts`, `1 Images/family_logo`, `1 Images/logo_0`
    and so on (the hidden units with the largest weights, largest first) and, if
    the model has fantasy particles, `1 Images/principal_axes` and `1
    Images/correlations`. A map of contacts takes seconds to minutes for a large
    family: choose `every` accordingly.

    Args:
        log_dir: Path of TensorBoard's log directory.
        alignment: The training data, an `Alignment` without missing entries.
        weights: Array of shape `(sequences,)`, or `None` for ones.
        distances: Array of shape `(columns, columns)`, or `None`.
        every: Number of epochs from one time to the next. The first and the
            last epoch are drawn too.
        num_units: Number of hidden units whose logos are drawn.

    Raises:
        ValueError: If an argument is not as described, or if `alignment` has
            fewer than 3 columns.

    Example:
        shown = sequences.FamilyPictures("logs", family, w, every=10)
        rbm.fit(family.one_hot(), epochs=1, sample_weight=w, callbacks=[shown])
    """

    def __init__(
        self,
        log_dir: Path,
        alignment: Alignment,
        weights: Array | None = None,
        distances: Array | None = None,
        every: int = 10,
        num_units: int = 6,
    ):
        super().__init__(log_dir, every)
        self.alignment = alignment
        self.weights = alignment.weight_vector(weights)
        self.distances = _checked(alignment, distances)
        self.num_units = checks.non_negative_integer("num_units", num_units)

    def show(self, step: int) -> None:
        check_units(self.model, self.alignment)
        scores = _scores(self.model, self.alignment)
        drawn = {
            "contacts": pictures.draw_contacts(scores, self.distances),
            "family_logo": pictures.draw_family_logo(
                self.alignment, self.weights
            ),
        }
        kernel = ops.convert_to_numpy(self.model.kernel)
        largest = np.argsort(-np.square(kernel).sum(axis=0))
        for number, unit in enumerate(largest[: self.num_units]):
            drawn[f"logo_{number}"] = pictures.draw_hidden_unit_logo(
                self.model, int(unit), self.alignment, _COLUMNS
            )
        particles = _particles(self.model, self.alignment)
        if particles is not None:
            drawn["principal_axes"] = pictures.draw_principal_axes(
                self.alignment, particles
            )
            drawn["correlations"] = pictures.draw_correlations(
                compare_correlations(self.alignment, particles, self.weights)
            )
        for name, figure in drawn.items():
            kind = "logo" if name.startswith("logo_") else name
            tensorboard.image(
                f"{tensorboard.IMAGES}/{name}",
                plots.pixels(figure),
                _DESCRIPTIONS[kind],
            )


def _checked(alignment, distances):
    """Returns the distances after a check that training can be measured."""
    missing, width = (alignment.codes < 0).sum(), alignment.shape[1]
    if missing or width < 3:
        raise ValueError(
            "`alignment` must have no missing entries, and 3 columns or more: "
            "fill in missing entries, or read unknown letters as gaps "
            f'(unknown="gap"). Received: {alignment}, with {missing} missing '
            "entries"
        )
    if distances is not None:
        distances = np.asarray(distances, "float64")
        if distances.shape != (width, width):
            raise ValueError(
                f"`distances` must have shape {(width, width)}, the columns "
                f"of `alignment`. Received: distances.shape={distances.shape}"
            )
    return distances


def _scores(model, alignment):
    """The contact map, whose norms leave out the gap."""
    return contact_map(model.machine(), (alignment.alphabet.gap,))


def _particles(model, alignment):
    """The fantasy particles as an `Alignment`; `None` if the chain has none."""
    particles = model.fantasy_particles
    if particles is None:
        return None
    codes = codes_of(ops.convert_to_numpy(particles), alignment.alphabet)
    return Alignment(
        codes, alphabet=alignment.alphabet, positions=alignment.positions
    )
