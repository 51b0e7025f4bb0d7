"""Files of aligned sequences: FASTA, A2M, Stockholm and CSV."""

import csv
import dataclasses
import gzip
import io
import os
import zlib
from collections.abc import Sequence

import numpy as np

from keras_rbm import checks
from keras_rbm.data.libraries import of_extra
from keras_rbm.sequences.alignment import Alignment, numbered
from keras_rbm.sequences.alphabet import PROTEIN, AlphabetLike, decode, named
from keras_rbm.typing import Array, Path

# Formats by the ending of the file's name, without .gz.
_FORMATS = {
    ".fasta": "fasta",
    ".fas": "fasta",
    ".fa": "fasta",
    ".faa": "fasta",
    ".fna": "fasta",
    ".afa": "fasta",
    ".a2m": "a2m",
    ".a3m": "a2m",
    ".sto": "stockholm",
    ".stk": "stockholm",
    ".stockholm": "stockholm",
    ".csv": "csv",
}
# Accepted names of columns in a CSV file.
_SEQUENCE = ("sequence", "aligned", "seq")
_NAME = ("name", "id", "header", "description")
# A file of this many letters, all nucleotides, is not a protein.
_ENOUGH = 40


def read(
    path: Path,
    alphabet: AlphabetLike = PROTEIN,
    format: str | None = None,
    unknown: str = "gap",
    min_sequences: int = 2,
) -> Alignment:
    """Reads aligned sequences.

    Formats, plain or gzipped (`.gz`), of text in UTF-8:

    - `"fasta"`: all sequences have the same length. `.` stands for a gap.
    - `"a2m"`, also A3M: lower-case letters and periods are insertions, and are
      left out.
    - `"stockholm"`: columns in which a sequence has a lower-case letter are
      insertions, and are left out. It needs Biopython.
    - `"csv"`: a header, a column `sequence`, and optionally a column `name`.

    Args:
        path: Path of the file.
        alphabet: `"protein"`, `"rna"`, `"dna"`, or an `Alphabet` of your own.
        format: One of these names; `None` to choose by the file's name.
        unknown: What letters for "any of several", such as X, B and Z,
            become: `"gap"`, or `"missing"` for entries that are NaN in
            `Alignment.one_hot`. `Alignment.unknown` counts these letters.
        min_sequences: The least number of sequences; 1 if a file may hold a
            single sequence, such as a wild type.

    Returns:
        An `Alignment`.

    Raises:
        ValueError: If the format is not known, if the file is damaged or in
            another encoding, if there are no sequences or fewer than
            `min_sequences`, if they have different lengths, or if a letter is
            not of the alphabet.
        FileNotFoundError: If there is no such file.
        ImportError: If the format needs a library that is not installed.

    Example:
        family = sequences.read("family.fasta")
        family = family.filter(max_gaps=0.2)
    """
    checks.positive_integer("min_sequences", min_sequences)
    alphabet = named(alphabet)
    path = os.fspath(path)
    kind = _format(path, format)
    text = _text(path)
    if not text.strip():
        raise ValueError(
            f"`path` must name a file with sequences. Received: path={path!r}, "
            "which is empty"
        )
    reader = {
        "fasta": _fasta,
        "a2m": _fasta,
        "stockholm": _stockholm,
        "csv": _csv,
    }[kind]
    names, strings = reader(text, path)
    whole, kept = strings, None
    if kind == "a2m":
        # str.translate is the fastest way to remove letters.
        away = dict.fromkeys(map(ord, "abcdefghijklmnopqrstuvwxyz."))
        strings = [string.translate(away) for string in strings]
    elif kind == "stockholm":
        strings, kept = _without_insertions(strings)
    if kind != "a2m":
        strings = [s.replace(".", alphabet.gap_letter) for s in strings]
    if len(strings) < min_sequences:
        raise ValueError(
            f"`path` must name a file of at least {min_sequences} sequences "
            "(`min_sequences`). Received: "
            f"path={path!r}, which has {len(strings)}"
        )
    _check_letters(strings, alphabet, path)
    found = Alignment.from_strings(strings, names, alphabet, unknown)
    if kind not in ("a2m", "stockholm"):
        return found
    if kept is not None:
        found = dataclasses.replace(found, positions=kept + 1)
    width, gap_letter = found.shape[1], alphabet.gap_letter
    return numbered(found, _numbers(whole, width, gap_letter, kept))


def write_fasta(
    path: Path,
    x: Alignment | Array,
    alphabet: AlphabetLike | None = None,
    names: Sequence[str] | None = None,
    scores: dict[str, Array] | None = None,
) -> None:
    """Writes sequences as FASTA, with scores in the headers.

    Each header is the name, followed by `key=value` for each score. A missing
    entry is written as the first of the alphabet's unknown letters, such as X,
    which `read` with `unknown="missing"` turns into a missing entry again. If
    the alphabet has no unknown letters, a missing entry is written as a
    question mark, which `read` refuses.

    Args:
        path: Path of the file; gzipped if it ends with `.gz`.
        x: An `Alignment`, or an array that `decode` accepts, such as samples.
        alphabet: The alphabet if `x` is an array; `None` for `PROTEIN`.
        names: A name for each sequence; `None` for the names in the alignment,
            or "1", "2", ...
        scores: Dict from names to arrays with a number for each sequence.

    Raises:
        ValueError: If an argument does not fit the sequences.

    Example:
        v = rbm.sample(10, num_sweeps=10, seed=0)
        log_z = rbm.log_partition("exact").lower
        scores = {"log_p": -rbm.free_energy(v) - log_z}
        sequences.write_fasta("designed.fasta", v, scores=scores)
    """
    if isinstance(x, Alignment):
        strings, own, alphabet = x.strings(), x.names, x.alphabet
    else:
        alphabet = named(alphabet or PROTEIN)
        strings = decode(x, alphabet)
        own = [str(number) for number in range(1, len(strings) + 1)]
    names = own if names is None else names
    scores = {
        key: np.asarray(value, "float64")
        for key, value in (scores or {}).items()
    }
    for key, value in (("names", names), *scores.items()):
        if len(value) != len(strings):
            raise ValueError(
                f"`{key}` must have an entry for each of the {len(strings)} "
                f"sequences. Received: len({key})={len(value)}"
            )
    with _open(os.fspath(path), "wt") as file:
        for row, string in enumerate(strings):
            # A header is one line; a name from a CSV file may have several.
            header = [
                str(names[row]).replace("\r", " ").replace("\n", " "),
                *(f"{key}={value[row]:.6g}" for key, value in scores.items()),
            ]
            if alphabet.unknown:
                string = string.replace("?", alphabet.unknown[0])
            file.write(f">{' '.join(header)}\n{string}\n")


def _format(path, given):
    if given is not None:
        if given not in _FORMATS.values():
            raise ValueError(
                "`format` must be one of "
                f"{sorted(set(_FORMATS.values()))}. Received: format={given!r}"
            )
        return given
    name = path.lower().removesuffix(".gz")
    ending = os.path.splitext(name)[1]
    if ending not in _FORMATS:
        raise ValueError(
            "`path` must end with one of "
            f"{', '.join(_FORMATS)}, or say which `format` it has. Received: "
            f"path={path!r}"
        )
    return _FORMATS[ending]


def _open(path, mode="rt", encoding="utf-8"):
    opener = gzip.open if path.lower().endswith(".gz") else open
    return opener(path, mode, encoding=encoding)


def _text(path):
    """The text of a file, with lines that end with a newline character."""
    try:
        # Excel begins files in UTF-8 with a byte-order mark.
        with _open(path, encoding="utf-8-sig") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise ValueError(
            "`path` must name a file of text in UTF-8. Convert the file, for "
            "example by `iconv -f latin1 -t utf-8`. Received: "
            f"path={path!r}, with {error.object[error.start :][:1]!r} "
            f"({error.reason})"
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            "`path` must name a whole gzip file if it ends with .gz. "
            f"Received: path={path!r}: {error}"
        ) from error


def _fasta(text, path):
    names, lines = [], []
    # A header may have other characters at which `splitlines` would split.
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if line.startswith(">"):
            names.append(line[1:].strip())
            lines.append([])
        elif line and not lines:
            raise ValueError(
                "A FASTA file must begin with a header, a line that begins "
                f"with >. Received: {line[:30]!r} in line {number} of {path!r}"
            )
        elif line:
            lines[-1].append(line.replace(" ", ""))
    return names, ["".join(parts) for parts in lines]


def _stockholm(text, path):
    parse = of_extra("Bio.AlignIO", "sequences", "Stockholm files").read
    try:
        found = parse(io.StringIO(text), "stockholm")
    except ValueError as error:
        raise ValueError(
            f"`path` must name a Stockholm file. Received: path={path!r}: "
            f"{error}"
        ) from error
    return [row.id for row in found], [str(row.seq) for row in found]


def _without_insertions(strings):
    """Keeps the columns in which no sequence has a lower-case letter."""
    letters = np.array([list(s.encode("latin-1", "replace")) for s in strings])
    lower = ((letters >= ord("a")) & (letters <= ord("z"))).any(axis=0)
    keep = np.flatnonzero(~lower)
    kept = letters[:, keep].astype("uint8")
    return [bytes(row).decode("latin-1") for row in kept], keep


def _numbers(strings, width, gap_letter, kept):
    """For each kept entry, the number of letters in its string up to there.

    `kept` holds the indices of the columns; `None` if each string has columns
    of its own, its characters except lower-case letters and periods.
    """
    is_letter, is_kept = np.ones((2, 256), bool)
    is_letter[[ord("."), ord(gap_letter)]] = False
    is_kept[[ord("."), *range(ord("a"), ord("z") + 1)]] = False
    dtype = np.min_scalar_type(max(map(len, strings)))
    numbers = np.empty((len(strings), width), dtype)
    for row, string in enumerate(strings):
        own = np.frombuffer(string.encode("latin-1", "replace"), "uint8")
        columns = is_kept[own] if kept is None else kept
        numbers[row] = np.cumsum(is_letter[own])[columns]
    return numbers


def _csv(text, path):
    # By default, Python's reader refuses fields of more than 131,072 letters.
    limit = csv.field_size_limit(max(len(text), csv.field_size_limit()))
    try:
        return _of_columns(csv.DictReader(io.StringIO(text)), path)
    finally:
        csv.field_size_limit(limit)


def _of_columns(rows, path):
    columns = {name.strip().lower(): name for name in rows.fieldnames or ()}
    sequence = next((columns[n] for n in _SEQUENCE if n in columns), None)
    if sequence is None:
        raise ValueError(
            "A CSV file of sequences must have a column `sequence`. Received: "
            f"the columns {list(columns)} in {path!r}"
        )
    name = next((columns[n] for n in _NAME if n in columns), None)
    names, strings = [], []
    for number, row in enumerate(rows, start=1):
        names.append((row[name] if name else None) or str(number))
        strings.append((row[sequence] or "").strip())
    return names, strings


def _check_letters(strings, alphabet, path):
    """Refuses nucleotides read as protein, where all letters are valid."""
    if alphabet != PROTEIN:
        return
    there = set().union(*strings[:1000]) - set("-")
    count = sum(len(s) - s.count("-") for s in strings[:1000])
    for name, letters in (("RNA", "ACGUN"), ("DNA", "ACGTN")):
        if there and there <= set(letters) and count >= _ENOUGH:
            raise ValueError(
                "`alphabet` must match the sequences, which have the "
                f"letters {''.join(sorted(there))!r} alone. Use alphabet="
                f'"{name.lower()}". Received: path={path!r}, '
                f"alphabet={alphabet}"
            )
