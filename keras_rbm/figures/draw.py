"""Draws all figures of a run, and checks them before training."""

import os
import pathlib
from collections.abc import Sequence

from keras_rbm.data import Data, check_data
from keras_rbm.data.checks import check_integer
from keras_rbm.figures.figure import Figure
from keras_rbm.figures.training import Curves, FiltersByEpoch
from keras_rbm.models import MachineModel
from keras_rbm.typing import Binarize, Path

# Figures of every run that has left the files that they show.
_ALWAYS = (Curves(), FiltersByEpoch())


def check(figures: Sequence[Figure], model: MachineModel, data: Data) -> None:
    """Checks that figures can be drawn, before any training.

    Args:
        figures: Sequence of `Figure`s.
        model: A `MachineModel`, such as an `RBM`.
        data: A `keras_rbm.data.Data`.

    Raises:
        ValueError: If an entry is not a figure, or does not fit the model or
            the data.

    Example:
        bars = keras_rbm.data.bars_and_stripes(4)
        figures.check([figures.Restoration()], rbm, bars)  # Before training.
    """
    if not isinstance(figures, list | tuple) or not all(
        isinstance(figure, Figure) for figure in figures
    ):
        raise ValueError(
            "`figures` must be a list of figures, such as [Restoration()]. "
            f"Received: figures={figures!r}"
        )
    if figures and model.visible.width != data.width:
        raise ValueError(
            "`figures` are of models whose visible units are the columns of "
            f"the data. Received: model={type(model).__name__}, with "
            f"{model.visible.width} visible units for {data.width} columns"
        )
    for figure in figures:
        figure.check(model, data)


def draw(
    model: MachineModel,
    data: Data,
    output: Path,
    figures: Sequence[Figure] = (),
    binarize: Binarize = "none",
    seed: int = 0,
) -> list[str]:
    """Draws figures of a trained model.

    In addition to the given figures, draws `curves.png` and
    `filters_by_epoch.png` if the run has left `updates.csv` and `filters/`.

    Args:
        model: A trained `MachineModel`.
        data: A `keras_rbm.data.Data` as wide as the model's visible side.
        output: Directory of the run.
        figures: Sequence of figures, such as `Restoration()`.
        binarize: How the training data were binarized: `"stochastic"` (one
            fixed draw), `"threshold"` or `"none"`.
        seed: Integer from 0 to 2**63 - 1: the same seed gives the same
            figures.

    Returns:
        Sorted list of the names of the files that were written.

    Raises:
        ValueError: If an argument is not as described, or if a figure does not
            fit the model or the data.

    Example:
        bars = keras_rbm.data.bars_and_stripes(4)
        dreams = figures.Dreams(num_samples=9, num_sweeps=20, num_chains=0)
        print(figures.draw(rbm, bars, "figures", [dreams]))  # Names of files.
    """
    if not isinstance(model, MachineModel):
        raise ValueError(
            "`model` must be a machine, such as an `RBM`. Received: "
            f"type(model)={type(model).__name__}"
        )
    check_data(data, model.example_units.width)
    check_integer(seed, "seed", 0)
    check(figures, model, data)
    folder = pathlib.Path(output)
    os.makedirs(folder, exist_ok=True)
    before = _files(folder)
    for figure in (*_ALWAYS, *figures):
        figure(model, data, str(folder), binarize, seed)
    after = _files(folder)
    return sorted(
        name for name, time in after.items() if before.get(name) != time
    )


def _files(folder):
    return {
        path.name: path.stat().st_mtime_ns
        for path in folder.iterdir()
        if path.is_file() and path.suffix != ".log"
    }
