"""Reader and figures of aligned sequences, for runs from the shell."""

import csv
import dataclasses
import pathlib

import keras
import numpy as np
from keras import ops

from keras_rbm import checks, devices, rows
from keras_rbm.data import Data
from keras_rbm.data.dataset import split
from keras_rbm.figures.figure import Figure, announce
from keras_rbm.models import MachineModel
from keras_rbm.sequences import pictures
from keras_rbm.sequences.alignment import Alignment
from keras_rbm.sequences.alphabet import AlphabetLike, codes_of, named
from keras_rbm.sequences.callback import FamilyPictures
from keras_rbm.sequences.contacts import (
    contact_map,
    num_known_pairs,
    positive_predictive_value,
    read_distances,
    top_pairs,
)
from keras_rbm.sequences.correlations import compare_correlations
from keras_rbm.sequences.files import read, write_fasta
from keras_rbm.sequences.mutations import design, mutation_scan, one_hot
from keras_rbm.sequences.reweighting import effective_number, weights
from keras_rbm.typing import Path
from keras_rbm.units import Softmax

# The most sequences for statistics of the figures, and for the search for modes
# by the bounds on log Z.
_MOST, _OF_BOUNDS = 20_000, 2000


def family(
    path: Path,
    alphabet: AlphabetLike = "protein",
    max_gaps: float | None = None,
    max_column_gaps: float | None = None,
    identity: float | None = 0.8,
    validation_size: int | float = 0,
    test_size: int | float = 0,
    seed: int = 0,
    reference: str | None = None,
    first_position: int = 1,
) -> Data:
    """Reads a family for a run: one-hot sequences, resampled by their weights.

    A run does not support weights of examples. The training sequences are
    therefore resampled by their `weights`: with n sequences, sequence i occurs
    about n w_i / sum_j w_j times in `train` (systematic resampling: each count
    differs from this number by less than 1). Held-out sequences are not
    resampled.

    Args:
        path: Path of a file that `sequences.read` reads.
        alphabet: `"protein"`, `"rna"`, `"dna"` or an `Alphabet`.
        max_gaps: As for `Alignment.filter`.
        max_column_gaps: As for `Alignment.filter`.
        identity: As for `weights`; `None` for no resampling.
        validation_size: Number or share of sequences to hold out for
            validation.
        test_size: Number or share of sequences to hold out for a test.
        seed: Integer from 0 to 2**63 - 1, for both draws.
        reference: Name of a sequence. Only the columns in which this sequence
            has a letter are kept, and positions count its letters. `None` for
            all columns, with positions from the file.
        first_position: The position of the reference's first letter.

    Returns:
        A `keras_rbm.data.Data` with `categories` and `positions`.

    Raises:
        ValueError: If the file cannot be read, or an argument is not as
            described.

    Example:
        data = sequences.family("family.fasta", test_size=0.1)
        rbm = keras_rbm.RBM(data.visible, 100)
    """
    found = read(path, named(alphabet))
    if reference is not None:
        found = found.columns_of(reference, first_position)
    found = found.filter(max_gaps=max_gaps, max_column_gaps=max_column_gaps)
    letters = len(found.alphabet)
    sizes = {"validation_size": validation_size, "test_size": test_size}
    for name, size in sizes.items():
        if isinstance(size, float) and 0 <= size < 1:
            sizes[name] = round(size * len(found))
    train, validation, test = split(
        np.arange(len(found))[:, None], seed=seed, **sizes
    )
    train = found[np.asarray(train)[:, 0].astype("int64")]
    if identity is not None:
        train = train[_drawn(weights(train, identity), seed)]

    def hot(part):
        if part is None:
            return None
        return found[np.asarray(part)[:, 0].astype("int64")].one_hot()

    return Data(
        name=pathlib.Path(path).name,
        train=train.one_hot(),
        validation=hot(validation),
        test=hot(test),
        categories=letters,
        positions=found.positions,
    )


@dataclasses.dataclass(frozen=True)
class FamilyFigures(Figure):
    """Figures of a model of a family: logos, contacts, samples, mutations.

    Draws `family.png`, `hidden_units/unit-N.png`, `contacts.png`,
    `principal_axes.png`, `correlations.png` and `mutations.png`, and writes
    `contacts.csv` (the columns i and j, their score, and their positions in the
    reference of `family`), `samples.fasta` and `mutations.csv` of the first
    training sequence, which `family` chooses at random. (To scan another
    sequence, such as the reference, call `mutation_scan`.) Samples and mutants
    have a lower and an upper bound of log p(v); samples also have -F(v), which
    is log p(v) + log Z. While the model trains, TensorBoard shows the same
    pictures (see `FamilyPictures`).

    Args:
        alphabet: As for `family`.
        num_samples: Number of sequences to draw. Their chains start from the
            fantasy particles. If the model's chain keeps no particles, they
            start from draws of the visible units without inputs.
        num_sweeps: Number of sweeps of each chain, which gives several
            sequences if there are fewer particles than `num_samples`.
        num_units: Number of hidden units to draw, with the largest weights.
        distances: Path of a table of distances (see `read_distances`), or
            `None`. With distances, the log gives the share of contacts among
            the first L, 2 L, ..., 5 L pairs, where L is the number of columns.
            Only pairs of known distance at least 5 columns apart count. If
            there are too few of them, the larger multiples of L are left out.
        num_betas: Number of steps of the annealing that bounds log Z.

    Example:
        data = sequences.family("family.fasta")
        figure = sequences.FamilyFigures(num_samples=100, num_units=2)
        # Before training; after training, `figures.draw` draws the figure.
        keras_rbm.figures.check([figure], rbm, data)
    """

    alphabet: AlphabetLike = "protein"
    num_samples: int = 1000
    num_sweeps: int = 1000
    num_units: int = 6
    distances: str | None = None
    num_betas: int = 1000

    def check(self, model: MachineModel, data: Data) -> None:
        alphabet = named(self.alphabet)
        checks.positive_integer("num_samples", self.num_samples)
        checks.positive_integer("num_sweeps", self.num_sweeps)
        checks.non_negative_integer("num_units", self.num_units)
        checks.positive_integer("num_betas", self.num_betas)
        units = model.example_units
        if not isinstance(units, Softmax) or units.categories != len(alphabet):
            raise ValueError(
                "FamilyFigures needs a model with Softmax visible units of "
                f"{len(alphabet)} categories. Received: {units}"
            )
        if units.size < 3:
            raise ValueError(
                "FamilyFigures needs sequences of 3 columns or more. Received: "
                f"{units}"
            )
        if self.distances is not None:
            read_distances(self.distances, units.size)

    def displays(
        self, data: Data, log_dir: Path, every: int
    ) -> list[keras.callbacks.Callback]:
        known = self._known(data)
        distances = None
        if self.distances is not None:
            distances = read_distances(self.distances, known.shape[1])
        return [
            FamilyPictures(
                log_dir, known, None, distances, every, self.num_units
            )
        ]

    def __call__(self, model, data, output, binarize="none", seed=0):
        folder = pathlib.Path(output)
        alphabet = named(self.alphabet)
        letters = len(alphabet)
        known = self._known(data)
        log_partition = model.log_partition(
            v=known[:_OF_BOUNDS].one_hot(),
            num_betas=self.num_betas,
            seed=seed,
            verbose=0,
        )
        pictures.family_logo(folder / "family.png", known)
        kernel = ops.convert_to_numpy(model.kernel)
        largest = np.argsort(-np.square(kernel).sum(axis=0))
        for unit in largest[: self.num_units]:
            path = folder / "hidden_units" / f"unit-{unit}.png"
            pictures.hidden_unit_logo(path, model, int(unit), known, 30)
        self._contacts(model, folder, known)
        particles = model.chain.num_chains
        # Each particle gives several samples if there are few.
        each = -(-self.num_samples // (particles or self.num_samples))
        drawn = design(
            model,
            self.num_samples,
            None if particles is None else "chains",
            num_sweeps=-(-self.num_sweeps // each),
            seed=seed,
            alphabet=alphabet,
        )
        scores = np.concatenate(
            [
                -ops.convert_to_numpy(model.free_energy(one_hot(part, letters)))
                for _, part in rows.parts(drawn.codes)
            ]
        )
        if devices.is_chief():
            write_fasta(
                folder / "samples.fasta",
                drawn,
                scores={
                    "minus_F": scores,
                    "log_p_lower": scores - log_partition.upper,
                    "log_p_upper": scores - log_partition.lower,
                },
            )
        pictures.principal_axes(
            folder / "principal_axes.png", known, drawn, scores, "-F(v)"
        )
        found = compare_correlations(known, drawn)
        pictures.correlation_picture(folder / "correlations.png", found)
        for own in found:
            announce(
                f"order {own.order}: correlation of samples with data "
                f"{own.correlation:.3f}"
            )
        scan = mutation_scan(model, known)
        if devices.is_chief():
            scan.write_csv(folder / "mutations.csv", log_partition)
        pictures.mutation_picture(folder / "mutations.png", scan)

    def _known(self, data):
        """The training sequences, with their positions."""
        alphabet = named(self.alphabet)
        rows = np.asarray(data.train[: min(len(data.train), _MOST)], "float32")
        return Alignment(
            codes_of(rows, alphabet),
            alphabet=alphabet,
            positions=data.positions,
        )

    def _contacts(self, model, folder, alignment):
        """Writes scores of all pairs; reports contacts among the best ones."""
        width, positions = alignment.shape[1], alignment.positions
        scores = contact_map(model.machine(), (alignment.alphabet.gap,))
        known = None
        if self.distances is not None:
            known = read_distances(self.distances, width)
            most = num_known_pairs(scores, known)
            counts = [k * width for k in range(1, 6) if k * width <= most]
            if counts:
                shares = positive_predictive_value(scores, known, counts)
                shares = ", ".join(f"{share:.3f}" for share in shares)
                span = f"1 to {len(counts)} L" if len(counts) > 1 else "L"
                announce(f"contacts among the first {span} pairs: {shares}")
        pictures.contact_picture(folder / "contacts.png", scores, known)
        if not devices.is_chief():
            return
        pairs = top_pairs(scores, width * (width - 1) // 2, 1)
        with open(folder / "contacts.csv", "w", newline="") as file:
            lines = csv.writer(file)
            names = ["i", "j", "score", "position_i", "position_j"]
            lines.writerow(names)
            for i, j in pairs.tolist():
                score = f"{scores[i, j]:.6g}"
                lines.writerow(
                    [i + 1, j + 1, score, positions[i], positions[j]]
                )


def _drawn(w, seed):
    """Indices of rows, in order, by systematic resampling with weights `w`."""
    w = np.asarray(w, "float64")
    ends = np.cumsum(w) * (len(w) / effective_number(w))
    offset = np.random.default_rng(seed).random()
    rows = np.searchsorted(ends, np.arange(len(w)) + offset, side="right")
    return np.minimum(rows, len(w) - 1)
