"""Images with a missing part, which the model fills in."""

import dataclasses
import os

import numpy as np

from keras_rbm import checks, samplers
from keras_rbm.data import Data, binarized, some
from keras_rbm.figures.figure import Figure, announce, check_complete
from keras_rbm.models import MachineModel
from keras_rbm.plots import sheet, tiles

_SIDES = ("lower", "upper", "left", "right")
# Grey of missing pixels.
_MISSING = 96


@dataclasses.dataclass(frozen=True)
class Inpainting(Figure):
    """Draws and means of the missing half of test images.

    `inpainting.png` has a column for each image. Its rows are the original,
    the input of the model, draws from p(v_missing | v_known), and the mean
    E[v_missing | v_known].

    Args:
        half: Which half is missing: `"lower"`, `"upper"`, `"left"` or
            `"right"`.
        num_images: Number of images.
        num_draws: Number of draws for each image.
        num_sweeps: Number of sweeps of each draw, and of the mean.
        sampler: `samplers.Gibbs()`, or `Tempered()` for models in which Gibbs
            sampling does not mix. `None` for `Gibbs()`. The mean always uses
            `Gibbs()`.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        inpainting = figures.Inpainting(half="left", num_images=8)
    """

    half: str = "lower"
    num_images: int = 12
    num_draws: int = 4
    num_sweeps: int = 1000
    sampler: samplers.Sampler | None = None

    def __post_init__(self):
        if self.half not in _SIDES:
            raise ValueError(
                f"`half` must be one of {_SIDES}. Received: half={self.half!r}"
            )
        for name in ("num_images", "num_draws", "num_sweeps"):
            checks.positive_integer(name, getattr(self, name))
        samplers.get(self.sampler)

    def check(self, model: MachineModel, data: Data) -> None:
        if data.image_shape is None or data.picture is not None:
            raise ValueError(
                "Inpainting needs images with a pixel in each column: "
                "`image_shape` and no `picture`. Received: image_shape="
                f"{data.image_shape} ({data.name})"
            )
        if data.test is None:
            raise ValueError(
                "Inpainting needs test examples, which the model has not "
                f"learned from. Received: test=None ({data.name})"
            )
        images = some(data.test, self.num_images)
        check_complete("Inpainting", images, "data.test")

    def __call__(self, model, data, output, binarize="none", seed=0):
        self.check(model, data)

        def greys(x):
            return tiles.grey(data.intensities(x))

        images = binarized(some(data.test, self.num_images), binarize, seed)
        missing = half_mask(data.image_shape, self.half)
        options = {"mask": missing, "num_sweeps": self.num_sweeps}
        # One run makes all draws of all images, as rows of the same products.
        draws = np.asarray(
            model.inpaint(
                np.tile(images, (self.num_draws, 1)),
                sampler=self.sampler,
                seed=seed,
                **options,
            )
        )
        means = np.asarray(model.predict_missing(images, seed=seed, **options))
        original = greys(images)
        given = np.where(missing, np.uint8(_MISSING), original)
        rows = [("original", original), ("given", given)]
        rows += [
            ("draws" if number == 0 else "", greys(draw))
            for number, draw in enumerate(np.split(draws, self.num_draws))
        ]
        rows.append(("mean", greys(means)))
        sheet.rows(
            os.path.join(output, "inpainting.png"), rows, data.image_shape
        )
        announce(
            f"the {self.half} half of {len(images)} test images is put in, "
            f"{self.num_draws} times, in inpainting.png"
        )


def half_mask(image_shape, side):
    """Mask of a half of an image, of shape `(rows * columns,)`.

    Args:
        image_shape: `(rows, columns)`.
        side: `"lower"`, `"upper"`, `"left"` or `"right"`.

    Returns:
        Boolean array. If the number of rows or columns is odd, the smaller
        half is `True`.
    """
    rows, columns = image_shape
    mask = np.zeros(image_shape, bool)
    place = {
        "upper": np.s_[: rows // 2],
        "lower": np.s_[rows - rows // 2 :],
        "left": np.s_[:, : columns // 2],
        "right": np.s_[:, columns - columns // 2 :],
    }
    mask[place[side]] = True
    return mask.ravel()
