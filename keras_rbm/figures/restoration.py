"""Distorted patterns that the model restores."""

import dataclasses
import json
import os
import pathlib

import numpy as np

from keras_rbm import checks, devices, json_arrays
from keras_rbm.data import Data, binarized
from keras_rbm.figures.figure import Figure, announce, check_complete
from keras_rbm.models import MachineModel
from keras_rbm.plots import sheet, tiles


@dataclasses.dataclass(frozen=True)
class Restoration(Figure):
    """Training patterns with some sites flipped, and Gibbs sampling from them.

    `restoration.png` has rows of patterns: the originals, the distorted
    patterns, and draws after half of the sweeps and after all sweeps. At the
    temperature of training, draws fluctuate, and some differ from a pattern in
    one site. The last row shows draws of a colder chain from the same
    distorted patterns.

    `restoration.json` has the options and, as `restored`, the shares of
    distorted patterns that are restored in every site after all sweeps:
    `sample`, by a draw; `rounded_mean`, by E[v' | h = E[h | v]] of this draw,
    rounded to the nearest states; `cold_sample` and `cold_rounded_mean`, the
    same at `cold` times the inverse temperature.

    Args:
        num_patterns: Number of patterns to show.
        num_flips: Number of different sites to flip in each pattern.
        num_sweeps: Number of sweeps.
        num_trials: Number of distorted patterns for the shares.
        cold: Factor of the inverse temperature for the colder chain.

    Raises:
        ValueError: If an argument is not a positive number, or, except for
            `cold`, not an integer.

    Reference: the rows follow Brack's code for restricted Boltzmann machines,
        https://github.com/christianb93/MachineLearning.

    Example:
        restoration = figures.Restoration(num_flips=1, num_trials=20)
        patterns = data.bars_and_stripes(4)
        figures.draw(rbm, patterns, "run", [restoration])
    """

    num_patterns: int = 8
    num_flips: int = 3
    num_sweeps: int = 100
    num_trials: int = 1000
    cold: float = 2.0

    def __post_init__(self):
        for name in ("num_patterns", "num_flips", "num_sweeps", "num_trials"):
            checks.positive_integer(name, getattr(self, name))
        if self.num_sweeps % 2:
            raise ValueError(
                "`num_sweeps` must be even: half of them are shown, too. "
                f"Received: num_sweeps={self.num_sweeps}"
            )
        checks.positive_number("cold", self.cold)

    def check(self, model: MachineModel, data: Data) -> None:
        states = model.visible.states
        if states is None or np.shape(states) != (2,):
            raise ValueError(
                "Restoration needs visible units of two states, which can be "
                "flipped: Bernoulli or Spin. Received: model.visible="
                f"{model.visible}"
            )
        check_complete("Restoration", data.train, "data.train")
        if self.num_flips > data.width:
            raise ValueError(
                "`num_flips` must not exceed the number of sites. Received: "
                f"num_flips={self.num_flips}, data.width={data.width}"
            )

    def __call__(self, model, data, output, binarize="none", seed=0):
        self.check(model, data)
        rng = np.random.default_rng(seed)
        patterns = binarized(data.train, binarize, seed)
        model.visible.check_states(patterns, "data.train")
        first = rng.permutation(len(patterns))[: self.num_patterns]
        tried = rng.integers(len(patterns), size=self.num_trials)
        count = len(first)
        original = patterns[np.concatenate([first, tried])]
        distorted = flipped(original, self.num_flips, model.visible.states, rng)
        warm, cold = (
            np.asarray(
                model.sample(
                    num_sweeps=self.num_sweeps,
                    start=distorted,
                    inverse_temperature=inverse_temperature,
                    every=self.num_sweeps // 2,
                    seed=seed,
                )
            )
            for inverse_temperature in (1.0, self.cold)
        )
        labelled = (
            ("original", original),
            ("distorted", distorted),
            (f"after {self.num_sweeps // 2} sweeps", warm[0]),
            (f"after {self.num_sweeps} sweeps", warm[1]),
            (
                f"{self.num_sweeps} sweeps at temperature {1 / self.cold:g}",
                cold[1],
            ),
        )
        sheet.rows(
            os.path.join(output, "restoration.png"),
            [
                (label, tiles.grey(data.intensities(v[:count])))
                for label, v in labelled
            ],
            data.image_shape,
        )
        restored = {
            name: (v == original).all(axis=1)
            for name, v in (
                ("sample", warm[1]),
                ("rounded_mean", _rounded_mean(model, warm[1])),
                ("cold_sample", cold[1]),
                ("cold_rounded_mean", _rounded_mean(model, cold[1])),
            )
        }
        shares = {name: float(x[count:].mean()) for name, x in restored.items()}
        found = {"restored": shares, **dataclasses.asdict(self), "seed": seed}
        _write_json(os.path.join(output, "restoration.json"), found)
        announce(
            f"restored after {self.num_sweeps} sweeps, with {self.num_flips} "
            f"of {data.width} sites flipped: {restored['sample'][:count].sum()}"
            f" of the {count} that are shown; of {self.num_trials} "
            f"{shares['sample']:.1%}, with rounded means "
            f"{shares['rounded_mean']:.1%}, at temperature 1/{self.cold:g} "
            f"{shares['cold_sample']:.1%}"
        )


def flipped(v, count, states, rng):
    """Examples with some sites flipped to their other state.

    Args:
        v: Array of shape `(examples, width)`, of states.
        count: Number of different sites to flip, chosen at random.
        states: The two states.
        rng: A NumPy `Generator`.

    Returns:
        Array of the same shape.
    """
    # The sites with the smallest keys are a random choice without repetition.
    order = rng.random(v.shape).argsort(axis=1)
    chosen = order.argsort(axis=1) < count
    return np.where(chosen, np.float32(sum(states)) - v, v)


def _rounded_mean(model, v):
    means = model.predict_reconstruction(v)
    return np.asarray(model.visible.nearest(means))


def _write_json(path, found):
    """Writes numbers to a file, completely or not at all, in the chief."""
    if not devices.is_chief():
        return
    aside = pathlib.Path(f"{path}.writing")
    text = json.dumps(found, indent=2, default=json_arrays.number)
    aside.write_text(text + "\n")
    os.replace(aside, path)
