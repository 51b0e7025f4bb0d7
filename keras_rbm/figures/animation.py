"""Chains that start from noise, as an animated picture."""

import dataclasses
import os

import numpy as np

from keras_rbm import checks, devices, samplers
from keras_rbm.figures.figure import Figure, announce, mean_greys
from keras_rbm.models import sampling
from keras_rbm.plots import canvas, tiles
from keras_rbm.random import Use

# Levels of grey: half a byte for each pixel.
_LEVELS = 16
# Height of the text line, and of its letters, in pixels.
_LINE, _LETTERS = 22, 14
_WHITE = 255


@dataclasses.dataclass(frozen=True)
class Animation(Figure):
    """Chains that start from random states and come to resemble the data.

    `animation.png` is an animated PNG that runs in an endless loop. The first
    frame shows the random states, draws from the visible units without inputs.
    All further frames show the means E[v' | h = E[h | v]] of the draws. At
    first there is a frame for each sweep, to show how the chains begin. The
    number of sweeps between frames then grows to `max_sweeps`, to show where
    the chains go. Programs that do not support animated PNG show the last
    frame.

    Args:
        num_chains: Number of chains.
        columns: Number of chains in a row, or `None` for about as many columns
            as rows.
        num_frames: Number of frames, including the random states.
        growth: Factor of the number of sweeps from frame to frame, before
            rounding, at least 1.
        max_sweeps: Largest number of sweeps between two frames.
        seconds: Duration of a frame in seconds; the last frame is shown ten
            times as long.
        sampler: `samplers.Gibbs()`, `Tempered()`, or `None` for `Gibbs()`.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        animation = figures.Animation(num_chains=6, num_frames=4)
        figures.draw(rbm, data.bars_and_stripes(4), "run", [animation])
    """

    num_chains: int = 60
    columns: int | None = 10
    num_frames: int = 80
    growth: float = 1.12
    max_sweeps: int = 40
    seconds: float = 0.12
    sampler: samplers.Sampler | None = None

    def __post_init__(self):
        for name in ("num_chains", "num_frames", "max_sweeps"):
            checks.positive_integer(name, getattr(self, name))
        if self.columns is not None:
            checks.positive_integer("columns", self.columns)
        for name in ("growth", "seconds"):
            checks.positive_number(name, getattr(self, name))
        if self.growth < 1:
            raise ValueError(
                "`growth` must be at least 1: the number of sweeps from frame "
                f"to frame grows. Received: growth={self.growth}"
            )
        samplers.get(self.sampler)

    def sweeps(self) -> list[int]:
        """The number of sweeps before each frame, `num_frames` integers."""
        most = np.log(self.max_sweeps)
        steps = np.arange(self.num_frames - 1) * np.log(self.growth)
        each = np.rint(np.exp(np.minimum(steps, most))).astype(int)
        return [0, *np.cumsum(each).tolist()]

    def __call__(self, model, data, output, binarize="none", seed=0):
        v = sampling.without_inputs(
            model.machine(),
            self.num_chains,
            sampling.stream(seed, Use.SAMPLE),
        )
        places = self.sweeps()
        pictures = [tiles.grey(data.intensities(np.asarray(v)))]
        for number in range(1, self.num_frames):
            v = model.sample(
                num_sweeps=places[number] - places[number - 1],
                start=v,
                seed=seed + number,
                sampler=self.sampler,
                verbose=0,
            )
            pictures.append(mean_greys(model, data, v))
        frames = [
            _frame(tiles.tile(x, data.image_shape, self.columns), sweeps)
            for x, sweeps in zip(pictures, places, strict=True)
        ]
        _write(os.path.join(output, "animation.png"), frames, self.seconds)
        announce(
            f"{self.num_chains} chains from random states, {self.num_frames} "
            f"frames to sweep {places[-1]}, are in animation.png"
        )


def _frame(picture, sweeps):
    """An image with 16 levels of grey, and the number of sweeps below it."""
    from PIL import Image, ImageDraw, ImageFont

    picture = canvas.enlarged(picture)
    height = len(picture)
    image = Image.fromarray(np.pad(picture, ((0, _LINE), (0, 0))))
    ImageDraw.Draw(image).text(
        (_LINE // 3, height + _LINE // 2),
        f"{sweeps:,} sweep{'s' * (sweeps != 1)}",
        fill=_WHITE,
        font=ImageFont.load_default(_LETTERS),
        anchor="lm",
    )
    step = _WHITE / (_LEVELS - 1)
    levels = np.rint(np.asarray(image) / step).astype("uint8")
    image = Image.frombytes("P", image.size, levels.tobytes())
    ramp = np.rint(np.arange(_LEVELS) * step).astype("uint8")
    image.putpalette(ramp.repeat(3).tobytes())
    return image


def _write(path, frames, seconds):
    """Writes an animated PNG; other viewers of PNG show the last frame."""
    if not devices.is_chief():
        return
    each = round(1000 * seconds)
    frames[-1].save(
        path,
        save_all=True,
        default_image=True,
        append_images=frames,
        duration=[each] * (len(frames) - 1) + [10 * each],
        loop=0,
    )
