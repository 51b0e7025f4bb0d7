"""`Alignment`: sequences of the same length, as numbers of letters."""

import dataclasses
from collections.abc import Sequence
from typing import Self

import numpy as np

from keras_rbm import checks
from keras_rbm.rows import Rows
from keras_rbm.sequences.alphabet import PROTEIN, Alphabet, AlphabetLike, named
from keras_rbm.typing import Array
from keras_rbm.units import Softmax

#: The code of an entry that is not known.
MISSING = -1


@dataclasses.dataclass(frozen=True, eq=False)
class Alignment:
    """Aligned sequences: one row a sequence, one column a position.

    `sequences.read` returns one. Methods that leave out rows or columns return
    a new alignment with the names and positions of the remaining ones.

    Args:
        codes: Integer array of shape `(sequences, columns)`: the number of
            each letter in the alphabet, or -1 for a missing entry.
        names: A name for each sequence; `None` for "1", "2", ...
        alphabet: `"protein"`, `"rna"`, `"dna"`, or an `Alphabet`.
        positions: The position of each column in the file or the reference,
            integers from 1; `None` for 1, 2, ...
        unknown: Number of unknown letters that became gaps or missing entries.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        family = sequences.Alignment.from_strings(["AC-D", "ACED"])
        family.one_hot().shape  # (2, 84)
    """

    codes: np.ndarray
    names: Sequence[str] | None = None
    alphabet: Alphabet = PROTEIN
    positions: np.ndarray | None = None
    unknown: int = 0
    # For each entry, the number of letters that its sequence has up to there,
    # with the letters that `codes` lacks. `None` if `codes` has all of them.
    _numbers: np.ndarray | None = dataclasses.field(
        default=None, init=False, repr=False
    )

    def __post_init__(self):
        codes = np.asarray(self.codes)
        if codes.ndim != 2 or codes.dtype.kind not in "iu" or not codes.size:
            raise ValueError(
                "`codes` must hold integers, of shape (sequences, columns), "
                "with at least one of each. Received: codes.shape="
                f"{codes.shape}, codes.dtype={codes.dtype}"
            )
        put = object.__setattr__
        put(self, "alphabet", named(self.alphabet))
        most = len(self.alphabet) - 1
        if codes.min() < MISSING or codes.max() > most:
            raise ValueError(
                f"`codes` must be from 0 to {most}, the letters of "
                f"{self.alphabet}, or {MISSING} for a missing entry. Received: "
                f"codes from {codes.min()} to {codes.max()}"
            )
        count, width = codes.shape
        names = self.names
        if names is None:
            names = [str(number) for number in range(1, count + 1)]
        positions = self.positions
        if positions is None:
            positions = np.arange(1, width + 1)
        positions = np.asarray(positions)
        for name, found, length in (
            ("names", names, count),
            ("positions", positions, width),
        ):
            if len(found) != length:
                raise ValueError(
                    f"`{name}` must have {length} entries, as `codes` of shape "
                    f"{codes.shape} has. Received: len({name})={len(found)}"
                )
        put(self, "codes", codes.astype("int8"))
        put(self, "names", tuple(map(str, names)))
        put(self, "positions", positions.astype("int64"))

    @classmethod
    def from_strings(
        cls,
        strings: Sequence[str],
        names: Sequence[str] | None = None,
        alphabet: AlphabetLike = PROTEIN,
        unknown: str = "gap",
    ) -> Self:
        """Returns an alignment of strings that all have the same length.

        Args:
            strings: The sequences, in upper case.
            names: A name for each sequence; `None` for "1", "2", ...
            alphabet: `"protein"`, `"rna"`, `"dna"`, or an `Alphabet`.
            unknown: What unknown letters, such as X, become: `"gap"` or
                `"missing"`.

        Raises:
            ValueError: If a sequence is empty or has another length than the
                first, or if a letter is not of the alphabet.

        Example:
            family = sequences.Alignment.from_strings(["AC-D", "ACED", "GCED"])
            print(family.shape)  # (3, 4)
        """
        strings = list(strings)
        alphabet = named(alphabet)
        if names is None:
            names = [str(number) for number in range(1, len(strings) + 1)]
        if unknown not in ("gap", "missing"):
            raise ValueError(
                '`unknown` must be "gap" or "missing". Received: '
                f"unknown={unknown!r}"
            )
        if not strings:
            raise ValueError("There must be sequences. Received: none.")
        width = len(strings[0])
        for name, string in zip(names, strings, strict=True):
            if not string:
                raise ValueError(
                    f"All sequences must have letters. Received: {name!r}, "
                    "which is empty"
                )
            if len(string) != width:
                raise ValueError(
                    "All sequences must have the same length: align them "
                    f"first. Received: {names[0]!r} of length {width}, and "
                    f"{name!r} of length {len(string)}"
                )
        codes, count = alphabet.encode(strings, names, missing=True)
        numbers = None
        if unknown == "gap" and count:
            # An unknown letter becomes a gap, but it is a residue.
            numbers = letter_numbers(codes != alphabet.gap)
            codes[codes == MISSING] = alphabet.gap
        found = cls(codes, names, alphabet, unknown=count)
        return numbered(found, numbers)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of sequences, and number of columns."""
        return self.codes.shape

    @property
    def units(self) -> Softmax:
        """The visible units of a machine for these sequences."""
        return Softmax(self.shape[1], len(self.alphabet))

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, rows):
        """Selects sequences by a slice, indices or booleans."""
        index = np.atleast_1d(np.arange(len(self))[rows])
        numbers = self._numbers
        return numbered(
            dataclasses.replace(
                self,
                codes=self.codes[index],
                names=[self.names[i] for i in index],
            ),
            None if numbers is None else numbers[index],
        )

    def __repr__(self):
        count, width = self.shape
        return (
            f"<Alignment of {count} sequences, {width} columns, "
            f"{len(self.alphabet)} letters>"
        )

    def columns(self, keep: Array) -> Self:
        """Selects columns; they keep their positions.

        Args:
            keep: Indices from 0, or booleans.

        Raises:
            ValueError: If no column is left.

        Example:
            family.columns(family.gap_shares(axis=0) < 0.5)
        """
        index = np.atleast_1d(np.arange(self.shape[1])[keep])
        if not len(index):
            raise ValueError(
                f"`keep` must leave a column. Received: none of {self.shape[1]}"
            )
        return numbered(
            dataclasses.replace(
                self,
                codes=self.codes[:, index],
                positions=self.positions[index],
            ),
            self._letter_numbers()[:, index],
        )

    def gap_shares(self, axis: int = 1) -> np.ndarray:
        """The share of gaps and missing entries, by row or by column.

        Args:
            axis: 1 for a share for each sequence, 0 for each column.

        Example:
            family = sequences.Alignment.from_strings(["AC-D", "ACED", "GCED"])
            print(family.gap_shares())  # [0.25, 0, 0]
        """
        codes = self.codes
        return np.mean((codes == self.alphabet.gap) | (codes < 0), axis=axis)

    def index(self, name: str) -> int:
        """Returns the row, from 0, of the sequence with this name.

        The first word of the name in the file is enough, if no sequence has
        exactly this name.

        Args:
            name: Name of a sequence.

        Raises:
            ValueError: If there is no such sequence.

        Example:
            family = sequences.Alignment.from_strings(["AC-D", "ACED", "GCED"])
            print(family.index("2"))  # 1: names count from 1, and rows from 0.
        """
        if name in self.names:
            return self.names.index(name)
        for row, own in enumerate(self.names):
            if own.split(maxsplit=1)[:1] == [name]:
                return row
        raise ValueError(
            "`name` must be that of a sequence, such as "
            f"{self.names[0]!r}. Received: name={name!r}"
        )

    def identity(self, query: str) -> np.ndarray:
        """The share of the query's letters that each sequence has as well.

        Columns in which the query has a gap do not count.

        Args:
            query: Name of a sequence.

        Returns:
            Array of shape `(sequences,)`, from 0 to 1.

        Example:
            family = sequences.Alignment.from_strings(["AC-D", "ACED", "GCED"])
            print(family.identity("2"))  # [0.75, 1, 0.75]
        """
        own = self.codes[self.index(query)]
        there = (own >= 0) & (own != self.alphabet.gap)
        same = (self.codes == own)[:, there]
        return same.sum(axis=1) / max(there.sum(), 1)

    def filter(
        self,
        max_gaps: float | None = None,
        query: str | None = None,
        min_identity: float | None = None,
        max_column_gaps: float | None = None,
    ) -> Self:
        """Leaves out gappy sequences and columns, and distant sequences.

        Columns are filtered first, then sequences by their remaining columns.

        Args:
            max_gaps: Largest share of gaps in a sequence, or `None`.
            query: Name of the sequence that `min_identity` refers to.
            min_identity: Least share of the letters of `query` that a
                sequence must have (see `identity`), or `None`.
            max_column_gaps: Largest share of gaps in a column, or `None`.

        Returns:
            An `Alignment`.

        Raises:
            ValueError: If an argument is not a share from 0 to 1, if
                `min_identity` comes without a `query`, or if nothing is left.

        Example:
            family = family.filter(max_gaps=0.2, max_column_gaps=0.5)
        """
        for name, value in (
            ("max_gaps", max_gaps),
            ("min_identity", min_identity),
            ("max_column_gaps", max_column_gaps),
        ):
            if value is not None and checks.number_from_0(name, value) > 1:
                raise ValueError(
                    f"`{name}` must be a share from 0 to 1. Received: "
                    f"{name}={value!r}"
                )
        if min_identity is not None and query is None:
            raise ValueError(
                "`min_identity` needs a `query`, the name of a sequence. "
                "Received: query=None"
            )
        found = self
        if max_column_gaps is not None:
            found = found.columns(found.gap_shares(axis=0) <= max_column_gaps)
        keep = np.ones(len(found), bool)
        if max_gaps is not None:
            keep &= found.gap_shares() <= max_gaps
        if min_identity is not None:
            keep &= found.identity(query) >= min_identity
        if not keep.any():
            raise ValueError(
                "The filters must leave a sequence. Loosen them. Received: "
                f"max_gaps={max_gaps}, min_identity={min_identity}"
            )
        return found[keep]

    def unique(self) -> Self:
        """Removes repeated sequences, except the first of each.

        Example:
            family = sequences.Alignment.from_strings(["AC-D", "ACED", "GCED"])
            print(len(family.unique()))  # 3
        """
        _, first = np.unique(self.codes, axis=0, return_index=True)
        return self[np.sort(first)]

    def columns_of(self, query: str, first: int = 1) -> Self:
        """Keeps the columns in which a reference has a letter.

        The positions of the new alignment count the reference's letters: column
        j is residue `positions[j]` of the reference, also after columns have
        been left out. Letters of the reference without a column count too:
        insertions that `sequences.read` left out, unknown letters that became
        gaps, and letters in columns that `columns` or `filter` left out.

        Args:
            query: Name of the reference.
            first: The position of the reference's first letter.

        Raises:
            ValueError: If there is no such sequence.

        Example:
            family = sequences.Alignment.from_strings(["AC-D", "ACED", "GCED"])
            own = family.columns_of("1", first=10)
            print(own.positions)  # [10, 11, 12], of A, C and D.
        """
        row = self.index(query)
        found = self.columns(self.codes[row] != self.alphabet.gap)
        numbers = found._numbers
        positions = first - 1 + numbers[row].astype("int64")
        return numbered(
            dataclasses.replace(found, positions=positions), numbers
        )

    def one_hot(self) -> Rows:
        """The sequences as one-hot rows of `units`, computed when needed.

        Returns:
            `Rows` of shape `(sequences, columns * letters)`. The columns of a
            missing entry are NaN.

        Example:
            family = sequences.Alignment.from_strings(["AC-D", "ACED", "GCED"])
            v = family.one_hot()
            print(v.shape)  # (3, 4 * 21)
        """
        letters = len(self.alphabet)
        codes = self.codes

        def take(rows):
            part = codes[rows]
            hot = (part[:, :, None] == np.arange(letters)).astype("float32")
            hot[part < 0] = np.nan
            return hot.reshape(len(part), -1)

        width = self.shape[1] * letters
        return Rows(take, len(self), width, "float32")

    def strings(self) -> list[str]:
        """The sequences as strings; a missing entry is a question mark.

        Example:
            family = sequences.Alignment.from_strings(["AC-D", "ACED", "GCED"])
            print(family.strings()[0])  # AC-D
        """
        return self.alphabet.decode(self.codes)

    def frequencies(
        self, weights: Array | None = None, pseudocount: float = 1.0
    ) -> np.ndarray:
        """f_i(a) = (p / q + sum_s w_s [a_si = a]) / (p + sum_s w_s).

        This adds p sequences in which all q letters are equally frequent, so
        that no frequency is 0. Missing entries do not count.

        Args:
            weights: Array of shape `(sequences,)`; `None` for ones.
            pseudocount: p, a number of 0 or more.

        Returns:
            Array of shape `(columns, letters)`, whose rows sum to 1.

        Raises:
            ValueError: If an argument is not as described.

        Example:
            family.frequencies(sequences.weights(family))
        """
        checks.number_from_0("pseudocount", pseudocount)
        w = self.weight_vector(weights)
        letters = len(self.alphabet)
        sums = np.stack(
            [w @ (self.codes == letter) for letter in range(letters)], axis=1
        )
        known = sums.sum(axis=1, keepdims=True)
        total = pseudocount + known
        if not (total > 0).all():
            raise ValueError(
                "`pseudocount` must be positive where all entries of a column "
                f"are missing. Received: pseudocount={pseudocount}"
            )
        return (pseudocount / letters + sums) / total

    def fields(
        self, weights: Array | None = None, pseudocount: float = 1.0
    ) -> np.ndarray:
        """b_i(a) = log f_i(a) - mean_c log f_i(c), of `frequencies`.

        With this visible bias, a machine without couplings has the frequencies
        of the family. As a start, it is finite also for letters that never
        occur in a column.

        Args:
            weights: As for `frequencies`.
            pseudocount: As for `frequencies`, but positive.

        Returns:
            `float32` array of shape `(columns * letters,)`, the shape of the
            bias of `units.Softmax`.

        Raises:
            ValueError: If an argument is not as described.

        Example:
            start = keras.initializers.Constant(family.fields(w))
            rbm = keras_rbm.RBM(
                family.units, 100, visible_bias_initializer=start
            )
        """
        checks.positive_number("pseudocount", pseudocount)
        fields = np.log(self.frequencies(weights, pseudocount))
        fields -= fields.mean(axis=1, keepdims=True)
        return fields.reshape(-1).astype("float32")

    def weight_vector(self, weights: Array | None) -> np.ndarray:
        """Returns `weights` as `float64` after checks; ones for `None`.

        Args:
            weights: Array of shape `(sequences,)`, or `None`.

        Raises:
            ValueError: If `weights` are not finite numbers of 0 or more, one
                for each sequence, with a positive sum.
        """
        if weights is None:
            return np.ones(len(self))
        w = np.asarray(weights, "float64")
        fits = w.shape == (len(self),) and np.isfinite(w).all()
        if not fits or w.min() < 0 or not w.sum():
            raise ValueError(
                "`weights` must have a finite number of 0 or more for each of "
                f"the {len(self)} sequences, and not only zeros. Received: "
                f"weights of shape {w.shape}"
            )
        return w

    def _letter_numbers(self):
        if self._numbers is not None:
            return self._numbers
        return letter_numbers(self.codes != self.alphabet.gap)


def letter_numbers(is_letter: np.ndarray) -> np.ndarray:
    """For each entry, the number of letters in its row up to there.

    Args:
        is_letter: Boolean array of shape `(sequences, columns)`.

    Returns:
        Array of the same shape, of the smallest type of integers.
    """
    dtype = np.min_scalar_type(is_letter.shape[1])
    return np.cumsum(is_letter, axis=1, dtype=dtype)


def numbered(alignment: Alignment, numbers: np.ndarray | None) -> Alignment:
    """Sets the numbers from which `columns_of` takes positions.

    `dataclasses.replace` does not keep these numbers.

    Args:
        alignment: An `Alignment`, which is changed.
        numbers: Integer array of the shape of `codes`: for each entry, the
            number of letters that the whole sequence has up to there. `None` if
            `codes` has all letters of each sequence.

    Returns:
        The same alignment.
    """
    object.__setattr__(alignment, "_numbers", numbers)
    return alignment
