"""Scores mutants with a model, and designs sequences."""

import csv
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from keras import ops

from keras_rbm import checks, likelihood, random, samplers
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.models import MachineModel
from keras_rbm.random import Use
from keras_rbm.sequences.alignment import Alignment
from keras_rbm.sequences.alphabet import (
    PROTEIN,
    Alphabet,
    AlphabetLike,
    codes_of,
)
from keras_rbm.typing import Array, Path
from keras_rbm.units import Softmax

# Number of sequences in a batch.
_BATCH = 1024


class MutationScan(NamedTuple):
    """Scores of all single mutants of a sequence.

    Attributes:
        scores: log p(mutant) - log p(wild type) in nats, of shape `(columns,
            letters)`; 0 for the wild type's own letters.
        wild_type: The wild type, a string.
        positions: The position of each column in the reference.
        alphabet: The `Alphabet` of the letters.
        free_energy: F of the wild type: log p(wild type) = -F - log Z.

    Example:
        scan = sequences.mutation_scan(rbm, family)
        print(scan.best(3))
        scan.write_csv("scan.csv", rbm.log_partition())
    """

    scores: np.ndarray
    wild_type: str
    positions: np.ndarray
    alphabet: Alphabet
    free_energy: float

    def write_csv(
        self,
        path: Path,
        log_partition: likelihood.Exact | likelihood.Bracket | None = None,
    ) -> None:
        """Writes a line for each mutant: column, position, from, to, score.

        `column` counts from 1; `position` is the position of the column in the
        reference.

        Args:
            path: Path of the file.
            log_partition: The result of `MachineModel.log_partition`, or
                `None`. With it, each line also has `log_p_lower` and
                `log_p_upper`, bounds on log p(mutant) in nats.

        Example:
            scan = sequences.mutation_scan(rbm, family, family.index("1"))
            scan.write_csv("scan.csv")
        """
        names = ["column", "position", "from", "to", "score"]
        if log_partition is not None:
            names += ["log_p_lower", "log_p_upper"]
        with open(path, "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(names)
            for column, own in enumerate(self.wild_type):
                position = int(self.positions[column])
                for number, letter in enumerate(self.alphabet.letters):
                    if letter == own:
                        continue
                    score = self.scores[column, number]
                    row = [column + 1, position, own, letter, f"{score:.6g}"]
                    if log_partition is not None:
                        both = score - self.free_energy
                        row += [
                            f"{both - log_partition.upper:.6f}",
                            f"{both - log_partition.lower:.6f}",
                        ]
                    rows.writerow(row)

    def best(self, count: int = 10) -> list[tuple[str, float]]:
        """The most probable mutants, such as `("A12G", 1.3)`, best first.

        Args:
            count: Number of mutants.

        Example:
            scan = sequences.mutation_scan(rbm, family, family.index("1"))
            for name, score in scan.best(3):
                print(f"{name}: {score:.2f} nats")
        """
        gap = self.alphabet.gap_letter
        found = [
            (
                f"{own}{position}{letter}",
                float(self.scores[column, number]),
            )
            for column, (own, position) in enumerate(
                zip(self.wild_type, self.positions, strict=True)
            )
            for number, letter in enumerate(self.alphabet.letters)
            if letter != own and gap not in (own, letter)
        ]
        return sorted(found, key=lambda pair: -pair[1])[:count]


def mutation_scan(
    model: MachineModel, wild_type: Alignment, row: int = 0
) -> MutationScan:
    """Log p(mutant) - log p(wild type) of all single mutants: F_w - F_m.

    The scores are differences of free energies: they are exact, and log Z is
    not needed.

    Args:
        model: A `MachineModel` with the visible units of the alignment,
            such as an `RBM`.
        wild_type: An `Alignment` that holds the wild type.
        row: The row of the wild type, from 0.

    Returns:
        A `MutationScan`.

    Raises:
        ValueError: If the model has other visible units than the alignment,
            there is no such row, or the wild type has missing entries.

    Example:
        scan = sequences.mutation_scan(rbm, family, family.index("1"))
        scan.best(5)
    """
    units = check_units(model, wild_type)
    if not 0 <= checks.non_negative_integer("row", row) < len(wild_type):
        raise ValueError(
            f"`row` must be one of the {len(wild_type)} sequences. Received: "
            f"row={row}"
        )
    own = wild_type.codes[row].astype("int64")
    if (own < 0).any():
        raise ValueError(
            "`wild_type` must have no missing entries. Received: "
            f"{wild_type[[row]].strings()[0]!r}"
        )
    width, letters = units.size, units.categories
    mutants = np.tile(own, (width * letters + 1, 1))
    every = np.arange(width * letters)
    mutants[every, every // letters] = every % letters
    energies = [
        ops.convert_to_numpy(
            model.free_energy(one_hot(mutants[first : first + _BATCH], letters))
        ).astype("float64")
        for first in range(0, len(mutants), _BATCH)
    ]
    energies = np.concatenate(energies)
    scores = (energies[-1] - energies[:-1]).reshape(width, letters)
    scores[np.arange(width), own] = 0.0
    return MutationScan(
        scores,
        wild_type.alphabet.decode(own[None])[0],
        wild_type.positions,
        wild_type.alphabet,
        float(energies[-1]),
    )


def hold(machine: Machine, values: Mapping[int, float]) -> Machine:
    """p(v, h_free | h_held): a machine without the clamped hidden units.

    A hidden unit j that is clamped at x adds x W_j to the input of v. The new
    machine has this term in its visible bias.

    Args:
        machine: A `Machine` whose hidden units have one column each.
        values: Dict from numbers of hidden units to their clamped values.

    Returns:
        A `Machine` with fewer hidden units.

    Raises:
        ValueError: If there is no hidden unit of a given number, if a unit
            cannot take its value, or if all hidden units are clamped.

    Example:
        machine = sequences.hold(rbm.machine(), {0: 1.0})  # Unit 0 is on.
        print(machine.hidden.width)  # One unit less.
    """
    hidden = machine.hidden
    if hidden.width != hidden.size or hidden.is_composite:
        raise ValueError(
            "`machine` must have hidden units of one type, with one column "
            f"each. Received: machine.hidden={hidden}"
        )
    machine = machine_lib.absorb_beta(machine)
    if not values:
        return machine
    low, high = hidden.support
    for number, value in values.items():
        if not 0 <= number < hidden.size or not low <= value <= high:
            raise ValueError(
                f"`hold` must have numbers from 0 to {hidden.size - 1}, with "
                f"values from {low:g} to {high:g}. Received: "
                f"hold={dict(values)}"
            )
    held = sorted(values)
    free = np.setdiff1d(np.arange(hidden.size), held)
    if not len(free):
        raise ValueError(
            "`hold` must leave a hidden unit free. Received: all "
            f"{hidden.size} are held"
        )
    kernel = machine.kernel
    own = ops.take(kernel, np.array(held, "int32"), axis=1)
    x = ops.convert_to_tensor(
        np.array([[values[number]] for number in held]), own.dtype
    )
    bias = machine.visible_params["bias"]
    given = ops.cast(ops.matmul(own, x)[:, 0], bias.dtype)
    return machine._replace(
        hidden=type(hidden).from_config(
            {**hidden.get_config(), "size": len(free)}
        ),
        kernel=ops.take(kernel, free, axis=1),
        visible_params={**machine.visible_params, "bias": bias + given},
        hidden_params={
            name: ops.take(p, free, axis=0)
            for name, p in machine.hidden_params.items()
        },
    )


def _particles(model, known):
    """The fantasy particles as an `Alignment` like `known`."""
    particles = model.fantasy_particles
    if particles is None:
        raise ValueError(
            '`start="chains"` needs a chain that keeps particles, such as '
            f"PersistentChain. Received: chain={type(model.chain).__name__}"
        )
    codes = codes_of(ops.convert_to_numpy(particles), known.alphabet)
    return Alignment(codes, alphabet=known.alphabet)


def design(
    model: MachineModel,
    count: int,
    start: Alignment | Literal["chains"] | None = None,
    keep: Sequence[int] = (),
    hold_hidden: Mapping[int, float] | None = None,
    inverse_temperature: float = 1.0,
    num_sweeps: int = 1000,
    seed: int | None = None,
    alphabet: AlphabetLike = PROTEIN,
    sampler: samplers.Sampler | None = None,
) -> Alignment:
    """Draws sequences from p(v | v_kept, h_held) at any temperature.

    Args:
        model: A `MachineModel` with `Softmax` visible units.
        count: Number of sequences.
        start: An `Alignment` from whose sequences the chains start, in turn;
            `"chains"` to start from the fantasy particles of the model, the
            persistent chains of its training, which stay the same; `None` to
            start from draws of the visible units without inputs.
        keep: Columns, from 0, that keep the letters of `start`. These must not
            be missing.
        hold_hidden: Dict from numbers of hidden units to their clamped values.
        inverse_temperature: Factor of the model's inverse temperature. Above 1,
            sequences are more probable and less diverse.
        num_sweeps: Number of sweeps of each chain. With `start="chains"` and
            fewer particles than `count`, each chain continues, and gives one
            sequence every `num_sweeps` sweeps.
        seed: Integer from 0 to 2**64 - 1, or `None`.
        alphabet: The alphabet of the sequences if `start` is not an
            `Alignment`.
        sampler: A `samplers.Sampler`, such as `Tempered()` if Gibbs sampling
            does not mix; `None` for `Gibbs()`. With `hold_hidden`, you
            cannot use a sampler that has machines of its own, such as
            `TrajectoryTempering`, because they have all hidden units.

    Returns:
        An `Alignment` of `count` sequences.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        drawn = sequences.design(
            rbm,
            10,
            num_sweeps=20,
            start=family[:1],
            keep=[0, 1, 2],
            inverse_temperature=2.0,
        )
    """
    checks.positive_integer("count", count)
    checks.positive_integer("num_sweeps", num_sweeps)
    checks.in_memory("count", (count, model.example_units.width))
    units = model.example_units
    if not isinstance(units, Softmax) or model.visible != units:
        raise ValueError(
            "`model` must have Softmax visible units alone. Received: "
            f"model.visible={model.visible}"
        )
    from_particles = isinstance(start, str) and start == "chains"
    if isinstance(start, Alignment):
        known = start
    elif start is None or from_particles:
        known = Alignment(np.zeros((1, units.size), int), alphabet=alphabet)
    else:
        raise ValueError(
            '`start` must be an Alignment, "chains" or None. Received: '
            f"start={start!r}"
        )
    check_units(model, known)
    if from_particles:
        known = start = _particles(model, known)
    machine = model.machine()
    if inverse_temperature != 1.0:
        machine = machine_lib.scale(
            machine,
            checks.positive_number("inverse_temperature", inverse_temperature),
        )
    machine = hold(machine, hold_hidden or {})
    stream = random.fold_in(random.stream(seed), Use.DESIGN)
    clamp = None
    if start is None:
        if len(keep):
            raise ValueError(
                "`keep` needs a `start`, whose letters the columns keep. "
                "Received: start=None"
            )
        inputs = ops.zeros((count, units.width), machine_lib.dtype(machine))
        v = units.sample(
            inputs,
            machine.visible_params,
            random.fold_in(stream, Use.START),
        )
    else:
        chains = min(count, len(start)) if from_particles else count
        rows = np.resize(np.arange(len(start)), chains)
        v = ops.convert_to_tensor(one_hot(start.codes[rows], units.categories))
        v = ops.cast(v, machine_lib.dtype(machine))
        if len(keep):
            mask = _kept(keep, units)
            missing = start.codes[np.unique(rows)][:, list(keep)] < 0
            if missing.any():
                raise ValueError(
                    "`keep` must hold columns in which `start` has no "
                    "missing entries: leave the other columns out of "
                    "`keep`, or fill in their missing entries. "
                    f"Received: keep={np.asarray(keep).tolist()}, of which "
                    f"{int(missing.any(axis=0).sum())} have missing entries"
                )
            clamp = samplers.Clamp(ops.convert_to_tensor(mask), v)
    frames = samplers.sample(
        samplers.get(sampler),
        machine,
        v,
        stream,
        num_sweeps * -(-count // len(v)),
        model.base_machine(machine),
        clamp,
        every=num_sweeps,
    )
    found = ops.convert_to_numpy(frames).reshape(-1, units.width)[:count]
    return Alignment(
        codes_of(found, known.alphabet),
        alphabet=known.alphabet,
        positions=known.positions,
    )


def one_hot(codes: Array, letters: int) -> np.ndarray:
    """Converts numbers of letters to one-hot rows.

    Args:
        codes: Integer array of shape `(sequences, columns)`.
        letters: Number of letters.

    Returns:
        `float32` array of shape `(sequences, columns * letters)`.
    """
    hot = np.asarray(codes)[:, :, None] == np.arange(letters)
    return hot.reshape(len(hot), -1).astype("float32")


def check_units(model: MachineModel, alignment: Alignment) -> Softmax:
    """Returns the visible units after a check that they fit the alignment.

    Args:
        model: A `MachineModel`.
        alignment: An `Alignment`.

    Raises:
        ValueError: If the units do not fit the alignment.
    """
    if model.example_units != alignment.units:
        raise ValueError(
            "The model must have the visible units of the alignment, "
            f"{alignment.units}. Received: {model.example_units}"
        )
    return alignment.units


def _kept(keep, units):
    keep = np.asarray(keep)
    if (
        keep.ndim != 1
        or keep.dtype.kind not in "iu"
        or keep.min() < 0
        or keep.max() >= units.size
    ):
        raise ValueError(
            f"`keep` must hold columns, integers from 0 to {units.size - 1}. "
            f"Received: keep={keep.tolist()}"
        )
    mask = np.zeros((1, units.size, units.categories), bool)
    mask[:, keep] = True
    return mask.reshape(-1)
