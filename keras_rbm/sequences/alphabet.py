"""Alphabets: the numbers of letters, and conversions between the two."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from keras_rbm.typing import Array


@dataclasses.dataclass(frozen=True)
class Alphabet:
    """Letters of sequences, numbered from 0.

    Args:
        letters: All letters, including the gap.
        unknown: Letters that stand for "any of several" in a file; they become
            gaps or missing entries.
        gap_letter: The letter of a gap.

    Raises:
        ValueError: If there are fewer than two or more than 100 letters, if a
            letter is repeated or is not a printable ASCII character, or if the
            gap is not one of the letters.

    Example:
        sequences.Alphabet("-01")
    """

    letters: str
    unknown: str = ""
    gap_letter: str = "-"

    def __post_init__(self):
        every = self.letters + self.unknown
        printable = all("!" <= letter <= "~" for letter in every)
        if (
            not 2 <= len(self.letters) <= 100
            or len(set(every)) < len(every)
            or not printable
            or "?" in every
            or ">" in every
        ):
            raise ValueError(
                "`letters` must be 2 to 100 different printable characters, "
                "without ? and >, and `unknown` further ones. Received: "
                f"letters={self.letters!r}, unknown={self.unknown!r}"
            )
        if len(self.gap_letter) != 1 or self.gap_letter not in self.letters:
            raise ValueError(
                "`gap_letter` must be one of the letters. Received: "
                f"gap_letter={self.gap_letter!r}, letters={self.letters!r}"
            )

    def __len__(self):
        return len(self.letters)

    @property
    def gap(self) -> int:
        """The number of the gap."""
        return self.letters.index(self.gap_letter)

    def encode(
        self,
        strings: Sequence[str],
        names: Sequence[str],
        missing: bool = False,
    ) -> tuple[np.ndarray, int]:
        """Converts strings of the same length to numbers of letters.

        Args:
            strings: The sequences.
            names: Names of the sequences, for error messages.
            missing: Whether unknown letters become -1 instead of gaps.

        Returns:
            `int8` array of shape `(sequences, columns)`, and the number of
            unknown letters.

        Raises:
            ValueError: If a letter belongs neither to the alphabet nor to its
                unknown letters.

        Example:
            codes, unknown = sequences.DNA.encode(["ACGT", "AC-N"], ["a", "b"])
        """
        table = np.full(256, -3, "int16")
        for letter in self.unknown:
            table[ord(letter)] = -2
        for number, letter in enumerate(self.letters):
            table[ord(letter)] = number
        width = len(strings[0])
        joined = "".join(strings).encode("latin-1", "replace")
        codes = table[np.frombuffer(joined, "uint8")].reshape(-1, width)
        wrong = codes == -3
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            letter = strings[row][column]
            hint = ""
            if letter == "." or (
                letter.islower() and letter.upper() in self.letters
            ):
                hint = (
                    " Lower-case letters are insertions, which "
                    'format="a2m" leaves out.'
                )
            raise ValueError(
                f"Sequences must consist of the letters {self.letters!r}"
                + (f" and {self.unknown!r}" if self.unknown else "")
                + f".{hint} Choose another `alphabet` if they have others. "
                f"Received: {letter!r} in column {column + 1} of "
                f"{names[row]!r}; {wrong.sum()} of {wrong.size} letters are "
                "not such"
            )
        unknown = codes == -2
        codes[unknown] = -1 if missing else self.gap
        return codes.astype("int8"), int(unknown.sum())

    def decode(self, codes: Array) -> list[str]:
        """Converts numbers of letters to strings; -1 becomes a question mark.

        Args:
            codes: Integer array of shape `(sequences, columns)`.

        Example:
            codes, unknown = sequences.DNA.encode(["ACGT", "AC-T"], ["a", "b"])
            print(sequences.DNA.decode(codes))  # ["ACGT", "AC-T"]
        """
        table = np.frombuffer((self.letters + "?").encode(), "S1")
        letters = table[np.asarray(codes)]
        return [b"".join(row).decode() for row in letters]


#: The 20 amino acids and the gap.
PROTEIN = Alphabet("-ACDEFGHIKLMNPQRSTVWY", "XBZJUO*")
#: The four bases of RNA and the gap.
RNA = Alphabet("-ACGU", "NRYSWKMBDHVX")
#: The four bases of DNA and the gap.
DNA = Alphabet("-ACGT", "NRYSWKMBDHVX")

#: An `Alphabet`, or the name of an alphabet of this package.
AlphabetLike: TypeAlias = Literal["protein", "rna", "dna"] | Alphabet
_NAMED = {"protein": PROTEIN, "rna": RNA, "dna": DNA}


def named(alphabet: AlphabetLike) -> Alphabet:
    """Returns the alphabet with a name.

    Args:
        alphabet: `"protein"`, `"rna"`, `"dna"`, or an `Alphabet`.

    Returns:
        An `Alphabet`.

    Raises:
        ValueError: If there is no such alphabet.
    """
    if isinstance(alphabet, Alphabet):
        return alphabet
    if not isinstance(alphabet, str) or alphabet not in _NAMED:
        raise ValueError(
            f"`alphabet` must be one of {sorted(_NAMED)}, or an Alphabet. "
            f"Received: alphabet={alphabet!r}"
        )
    return _NAMED[alphabet]


def decode(x: Array, alphabet: AlphabetLike = PROTEIN) -> list[str]:
    """Converts one-hot rows, or numbers of letters, to strings.

    Args:
        x: Array of shape `(sequences, columns * letters)`, such as samples; the
            largest entry of a site gives its letter. Or integers of shape
            `(sequences, columns)`.
        alphabet: The `Alphabet`.

    Returns:
        List of strings.

    Raises:
        ValueError: If the rows are not as described.

    Example:
        sequences.decode(rbm.sample(3, num_sweeps=20, seed=0))
    """
    return named(alphabet).decode(codes_of(x, alphabet))


def codes_of(x: Array, alphabet: AlphabetLike) -> np.ndarray:
    """Converts one-hot rows to numbers of letters.

    Args:
        x: As for `decode`.
        alphabet: The `Alphabet`.

    Returns:
        Integer array of shape `(sequences, columns)`.

    Raises:
        ValueError: If the rows are not as described.
    """
    x = np.asarray(x)
    alphabet = named(alphabet)
    letters = len(alphabet)
    if x.ndim == 2 and x.dtype.kind in "iu":
        if x.size and (x.min() < -1 or x.max() >= letters):
            raise ValueError(
                f"`x` must hold numbers of letters, from 0 to {letters - 1}. "
                f"Received: numbers from {x.min()} to {x.max()}"
            )
        return x
    if x.ndim != 2 or x.dtype.kind != "f" or x.shape[1] % letters:
        raise ValueError(
            f"`x` must have {letters} columns for each position, the letters "
            f"of {alphabet.letters!r}, or be integers. Received: x.shape="
            f"{x.shape}, x.dtype={x.dtype}"
        )
    by_site = x.reshape(len(x), -1, letters)
    codes = np.argmax(np.nan_to_num(by_site), axis=2)
    codes[np.isnan(by_site).any(axis=2)] = -1
    return codes
