"""Checkpoint files: written atomically, and checked when they are read."""

import contextlib
import hashlib
import json
import logging
import os
import pathlib
import re
import zipfile
from typing import Any, NamedTuple

import keras

from keras_rbm.typing import Path

_LOG = logging.getLogger("keras_rbm")
# Members of the archive that a plain `.keras` file does not have.
_STATE, _SUMS = "run.json", "SHA256SUMS"
_NAME = re.compile(r"update-(\d+)\.keras")


class SavedCheckpoint(NamedTuple):
    """A checkpoint on disk.

    Attributes:
        path: Path of the file.
        state: JSON-serializable state that was saved with the model.
    """

    path: pathlib.Path
    state: dict[str, Any]


def write(
    model: keras.Model,
    directory: Path,
    updates: int,
    state: dict[str, Any],
    keep: int = 3,
) -> pathlib.Path:
    """Saves a model and the state of its run as one file.

    The file is called `update-NNNNNNNNNN.keras`, with the number of updates.
    `keras.models.load_model` can read it. It holds the SHA-256 sums of its
    members. It is first written under another name, synced to disk, and then
    renamed: no interruption loses a checkpoint or leaves a half-written one.

    Args:
        model: A Keras model.
        directory: Directory to write to; created if it does not exist.
        updates: Number of updates that the model has made.
        state: JSON-serializable state to save with the model.
        keep: Number of checkpoints to keep, including this one. Checkpoints of
            more updates than the model has made are removed.

    Returns:
        The path of the file.

    Raises:
        OSError: If the file cannot be written, such as on a full disk. Other
            checkpoints are left unchanged.
    """
    directory = pathlib.Path(directory)
    path = directory / f"update-{updates:010d}.keras"
    aside = directory / f"writing-{os.getpid()}.keras"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        model.save(aside)
        _complete(aside, json.dumps(state))
        os.replace(aside, path)
        _sync(directory)
        paths = _paths(directory)
        place = paths.index(path)
        # Newer checkpoints must be damaged: otherwise, the run would have them.
        for old in [*paths[:place], *paths[place + keep :]]:
            old.unlink(missing_ok=True)
        for old in directory.glob("writing-*"):
            old.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:  # The second one is HDF5's.
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        others = [p.name for p in _paths(directory)]
        raise OSError(
            f"cannot write the checkpoint {path}: "
            f"{getattr(error, 'strerror', None) or error}. Make room, or "
            "write elsewhere, and resume the run. "
            + (f"The newest one is {others[0]}." if others else "")
        ) from error
    return path


def newest(directory: Path) -> SavedCheckpoint | None:
    """Returns the newest undamaged checkpoint.

    Damaged checkpoints are reported in the log `keras_rbm`, and skipped.

    Args:
        directory: Directory of checkpoints, which need not exist.

    Returns:
        A `SavedCheckpoint`, or `None` if the folder has none.

    Raises:
        ValueError: If there are checkpoints, but all of them are damaged.
    """
    paths = _paths(directory)
    for path in paths:
        try:
            return SavedCheckpoint(path, _read(path))
        except (OSError, ValueError) as error:
            _LOG.warning(
                "the checkpoint %s is damaged (%s): the one before it is used",
                path,
                error,
            )
    if paths:
        raise ValueError(
            f"no checkpoint in {directory} is whole, of {len(paths)}: begin "
            "the run anew, in another folder"
        )
    return None


def exist(directory: Path) -> bool:
    """Whether there are any checkpoints, even damaged ones."""
    return bool(_paths(directory))


def _paths(directory):
    """Paths of the checkpoints, newest first."""
    found = {
        int(match[1]): path
        for path in pathlib.Path(directory).glob("update-*.keras")
        if (match := _NAME.fullmatch(path.name))
    }
    return [found[number] for number in sorted(found, reverse=True)]


def _complete(path, state):
    """Adds the state and the sums to the archive, and syncs it to disk."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(_STATE, state)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(_SUMS, _sums(archive))
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _sums(archive):
    """The sums of all members, in the format of the tool sha256sum."""
    names = sorted(set(archive.namelist()) - {_SUMS})
    return "".join(
        f"{hashlib.sha256(archive.read(name)).hexdigest()}  {name}\n"
        for name in names
    )


def _read(path):
    """Reads the state in a checkpoint, after a check of all sums."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.read(_SUMS).decode() != _sums(archive):
                raise ValueError("its content does not fit its SHA-256 sums")
            return json.loads(archive.read(_STATE))
    except OSError:
        raise
    except Exception as error:  # Of many kinds, where an archive is damaged.
        raise ValueError(str(error) or type(error).__name__) from error


def _sync(directory):
    """Syncs the names in a directory to disk, if the system can do so."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
