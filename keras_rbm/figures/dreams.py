"""Samples from random states, and a film strip of chains from examples."""

import dataclasses
import os

import numpy as np

from keras_rbm import checks, samplers
from keras_rbm.data import Data, binarized, some
from keras_rbm.figures.figure import (
    Figure,
    announce,
    check_complete,
    mean_greys,
)
from keras_rbm.models import MachineModel
from keras_rbm.plots import canvas, sheet, tiles


@dataclasses.dataclass(frozen=True)
class Dreams(Figure):
    """Samples from random starts, and a film strip of chains from data.

    `dreams.png` shows samples after very many sweeps from random states.
    `film.png` shows a chain in each column: the first row has the examples
    that the chains start from (test data or, without them, validation or
    training data), and each further row is `sweeps_per_frame` sweeps later.
    Both pictures show the means E[v' | h = E[h | v]] of the draws.

    Args:
        num_samples: Number of samples.
        num_sweeps: Number of sweeps of each sample.
        num_chains: Number of chains of the film; 0 for no film.
        num_frames: Number of rows of the film after the first row.
        sweeps_per_frame: Number of sweeps from row to row.
        sampler: `samplers.Gibbs()`, or `Tempered()` for models in which Gibbs
            sampling does not mix. `None` for `Gibbs()`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: the film follows the Theano tutorial on RBMs,
        http://deeplearning.net/tutorial/rbm.html.

    Example:
        dreams = figures.Dreams(num_samples=9, num_sweeps=50, num_chains=0)
        figures.draw(rbm, data.bars_and_stripes(4), "run", [dreams])
    """

    num_samples: int = 36
    num_sweeps: int = 200_000
    num_chains: int = 20
    num_frames: int = 10
    sweeps_per_frame: int = 1000
    sampler: samplers.Sampler | None = None

    def __post_init__(self):
        for name in (
            "num_samples",
            "num_sweeps",
            "num_frames",
            "sweeps_per_frame",
        ):
            checks.positive_integer(name, getattr(self, name))
        if self.num_chains:
            checks.positive_integer("num_chains", self.num_chains)
        samplers.get(self.sampler)

    def check(self, model: MachineModel, data: Data) -> None:
        if self.num_chains:
            name, examples = _held_out(data)
            check_complete(
                "The film of Dreams (`num_chains=0` draws none)",
                some(examples, self.num_chains),
                f"data.{name}",
            )

    def __call__(self, model, data, output, binarize="none", seed=0):
        samples = model.sample(
            self.num_samples,
            self.num_sweeps,
            seed=seed,
            sampler=self.sampler,
        )
        picture = tiles.tile(mean_greys(model, data, samples), data.image_shape)
        canvas.save_greys(picture, os.path.join(output, "dreams.png"))
        announce(
            f"{self.num_samples} samples after {self.num_sweeps} sweeps from "
            "random states are in dreams.png"
        )
        if self.num_chains:
            self._film(model, data, output, binarize, seed)

    def _film(self, model, data, output, binarize, seed):
        _, examples = _held_out(data)
        start = binarized(some(examples, self.num_chains), binarize, seed)
        frames = model.sample(
            num_sweeps=self.num_frames * self.sweeps_per_frame,
            start=start,
            seed=seed,
            sampler=self.sampler,
            every=self.sweeps_per_frame,
        )
        rows = [("start", tiles.grey(data.intensities(start)))]
        for number, frame in enumerate(np.asarray(frames)):
            label = f"{(number + 1) * self.sweeps_per_frame:,} sweeps"
            rows.append((label, mean_greys(model, data, frame)))
        sheet.rows(os.path.join(output, "film.png"), rows, data.image_shape)
        announce(
            f"{len(start)} chains, a row each {self.sweeps_per_frame} sweeps, "
            "are in film.png"
        )


def _held_out(data):
    """The name of the split that a film starts from, and its examples."""
    for name in ("test", "validation"):
        if getattr(data, name) is not None:
            return name, getattr(data, name)
    return "train", data.train
