"""`DataSource`: the examples of a run, for training, measures and pictures."""

import functools
import hashlib
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_rbm import checks
from keras_rbm.data import (
    Data,
    Schema,
    batches,
    binarized,
    check_data,
    in_order,
    some,
)
from keras_rbm.data.checks import has_missing
from keras_rbm.models import MachineModel
from keras_rbm.networks import LowerLayers
from keras_rbm.rows import Rows, of_width, parts
from keras_rbm.typing import Binarize, ImageShape, PictureLike

_VALIDATION_BATCH = 1000
# The most examples for the data's mean, and for the measures of an upper layer.
_MOST_EXAMPLES = 10_000
# The most numbers in these examples.
_MOST_NUMBERS = 2**25
# Number of examples to reconstruct in pictures.
_DRAWN_EXAMPLES = 100
_SPLITS = ("train", "validation", "test")


class UpperLayerData(NamedTuple):
    """Data for an upper layer of a stack.

    Attributes:
        data: `keras_rbm.data.Data` of the lowest layer.
        lower_layers: `networks.LowerLayers` that transform the examples, batch
            by batch, before the model sees them.

    Example:
        digits = keras_rbm.data.digits()
        first = keras_rbm.RBM.from_preset("digits")
        lower_layers = networks.LowerLayers([first])
        upper = experiment.UpperLayerData(digits, lower_layers)
    """

    data: Data
    lower_layers: LowerLayers


class DataSource:
    """The examples of a run, as its model sees them.

    Args:
        data: `keras_rbm.data.Data` or `UpperLayerData`.
        batch_size: Number of examples in a batch; all training examples, if
            there are fewer.
        binarize: As for `data.batches`.
        seed: As for `data.batches`.
    """

    def __init__(
        self,
        data: Data | UpperLayerData,
        batch_size: int,
        binarize: Binarize,
        seed: int,
    ):
        if not isinstance(data, UpperLayerData):
            data = UpperLayerData(data, LowerLayers([]))
        self.data, self._lower_layers = data
        self._batch_size = checks.positive_integer("batch_size", batch_size)
        self.binarize = binarize
        self.seed = seed

    def check(self, model: MachineModel) -> None:
        """Checks that the examples fit a model, before any work.

        Args:
            model: The model to train.

        Raises:
            ValueError: If the examples do not fit, or if an argument of this
                class is not as described.
        """
        layers = [machine.visible for machine in self._lower_layers.machines]
        visible = [*layers, model.example_units][0]
        check_data(self.data, visible.width)
        for split in _SPLITS:
            x = getattr(self.data, split)
            if x is not None:
                # uint8 intensities are always scaled to 0 to 1.
                x = x[:1] / 255 if x.dtype == np.uint8 else x
                name = f"{self.data.name}.{split}"
                if layers:
                    visible.check(x, name)
                else:
                    model.check_examples(x, name)
        batches(self.data.train, self.batch_size, self.binarize, self.seed)

    @property
    def batch_size(self) -> int:
        """Number of examples in a batch."""
        return min(self._batch_size, len(self.data.train))

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in a pass over the training examples."""
        return len(self.data.train) // self.batch_size

    def batches(self, first_step: int = 0) -> tf.data.Dataset:
        """Returns endless training batches, beginning at a step."""
        return self._lower_layers.batches(
            batches(
                self.data.train,
                self.batch_size,
                self.binarize,
                self.seed,
                first_step,
            ),
            first_step,
        )

    def validation_batches(self) -> tf.data.Dataset | None:
        """Returns all validation examples, or `None`."""
        if self.data.validation is None:
            return None
        return self._lower_layers.batches(
            in_order(
                self.data.validation,
                _VALIDATION_BATCH,
                self.binarize,
                self.seed,
            )
        )

    @functools.cached_property
    def training_examples(self) -> np.ndarray:
        """Some training examples, for the data's mean and for measures."""
        return self._examples(some(self.data.train, self._most_examples))

    @functools.cached_property
    def validation_examples(self) -> np.ndarray | None:
        """Validation examples for measures, or `None`."""
        x = self.data.validation
        if x is None:
            return None
        if self._lower_layers.machines or isinstance(x, Rows):
            x = some(x, self._most_examples)
        return self._examples(x)

    @functools.cached_property
    def drawn_examples(self) -> np.ndarray:
        """A few validation examples to reconstruct in pictures.

        Training examples are used if there is no validation set.
        """
        x = self.data.validation
        x = self.data.train if x is None else x
        return self._examples(x[:_DRAWN_EXAMPLES])

    @functools.cached_property
    def misses(self) -> bool:
        """Whether entries of the examples are missing (NaN)."""
        return any(
            has_missing(x)
            for split in _SPLITS
            if (x := getattr(self.data, split)) is not None
        )

    @property
    def image_shape(self) -> ImageShape | None:
        """`(rows, columns)` of a picture, in pixels, or `None`."""
        return self.data.image_shape

    @property
    def picture(self) -> PictureLike | None:
        """The `data.Picture` of the examples, or an object with its methods."""
        return self._lower_layers.picture(self.data.picture)

    @property
    def num_pixels(self) -> int:
        """How many first columns of an example are intensities of pixels.

        0 for data that are not pictures, and for pixels that have to be
        computed from several columns.
        """
        if self.image_shape is None or self._lower_layers.machines:
            return 0
        picture = self.data.picture
        if picture is None:
            return self.data.width
        plain = np.eye(*picture.matrix.shape, dtype=picture.matrix.dtype)
        is_plain = not np.any(picture.offset) and np.array_equal(
            picture.matrix, plain
        )
        return plain.shape[1] if is_plain else 0

    @property
    def schema(self) -> Schema | None:
        """The schema of the table behind the examples, or `None`."""
        return None if self._lower_layers.machines else self.data.schema

    @property
    def labels(self) -> list[str] | None:
        """The meaning of each column; `None` for pictures and upper layers."""
        if self.image_shape is not None or self.picture is not None:
            return None
        if self._lower_layers.machines:
            return None
        if self.schema is not None:
            return self.schema.labels
        return [str(column) for column in range(self.data.width)]

    @property
    def figure_data(self) -> Data:
        """The `Data` for `figures`.

        For an upper layer, it has only the drawn examples.
        """
        if self._lower_layers.machines:
            return Data(self.data.name, self.drawn_examples)
        return self.data

    @property
    def evaluation_data(self) -> Data:
        """The `Data` for an evaluation.

        For an upper layer, it has all examples as the model sees them.
        """
        if not self._lower_layers.machines:
            return self.data
        splits = {split: getattr(self.data, split) for split in _SPLITS}
        return Data(
            self.data.name,
            **{
                split: None if x is None else self._examples(x)
                for split, x in splits.items()
            },
        )

    @property
    def evaluation_binarize(self) -> Binarize:
        """The binarization that the examples of `evaluation_data` still need.

        For an upper layer, it is `"none"`: its examples come from layers whose
        input was binarized.
        """
        return "none" if self._lower_layers.machines else self.binarize

    def settings(self) -> dict[str, Any]:
        """Settings that determine the examples and their order, for JSON."""
        return {
            "data": digests(self.data),
            "batch_size": self.batch_size,
            "binarize": self.binarize,
            "seed": self.seed,
            **self._lower_layers.settings(),
        }

    @property
    def _most_examples(self):
        return of_width(self.data.width, _MOST_EXAMPLES, _MOST_NUMBERS)

    def _examples(self, x):
        return self._lower_layers.array(binarized(x, self.binarize, self.seed))


def without_missing(x: np.ndarray, seed: int) -> np.ndarray:
    """Returns examples with missing entries copied from other examples.

    Only for pictures and histograms: the copies do not depend on the observed
    entries of a row.

    Args:
        x: Array of shape `(examples, width)`, with NaN.
        seed: Integer from 0 to 2**63 - 1.

    Returns:
        An array of the same shape; `x` itself if nothing is missing. Columns
        without any observed entry become 0.
    """
    if not np.isnan(x).any():
        return x
    rng, x = np.random.default_rng(seed), np.array(x)
    for _ in range(100):
        lost = np.isnan(x)
        if not lost.any():
            return x
        x = np.where(lost, x[rng.permutation(len(x))], x)
    return np.nan_to_num(x)


def digests(data: Data) -> dict[str, str | None]:
    """Returns a digest of the training and the validation examples."""
    return {
        split: _digest(getattr(data, split))
        for split in ("train", "validation")
    }


def _digest(x):
    if x is None:
        return None
    sum_ = hashlib.sha256()
    for _, part in parts(x):
        sum_.update(np.ascontiguousarray(part))
    return f"{x.dtype} {'x'.join(map(str, x.shape))} {sum_.hexdigest()[:16]}"
