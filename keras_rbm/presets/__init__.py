"""Trained machines that come with the package: `RBM.from_preset` loads them.

Each preset is a `.keras` file, whose weights W have half precision, and a model
card, which describes the training data, the training and the likelihood.
"""

import pathlib
from typing import NamedTuple

from keras_rbm.typing import ImageShape, Path

_FOLDER = pathlib.Path(__file__).parent


class Preset(NamedTuple):
    """A trained machine.

    Attributes:
        description: A description in one sentence.
        image_shape: `(height, width)` of an example. `from_preset` sets it
            as the model's `image_shape`.
        log_likelihood: Mean log p(v) of the test examples, in nats: the lower
            bound of its bracket.
        standard_error: Standard error of `log_likelihood`, in nats.

    Example:
        preset = presets.PRESETS["digits"]
        print(preset.description, preset.log_likelihood)
    """

    description: str
    image_shape: ImageShape
    log_likelihood: float
    standard_error: float


#: All presets, by their names.
PRESETS = {
    "digits": Preset(
        "64 x 128 binary units, trained on scikit-learn's handwritten digits.",
        (8, 8),
        -21.894,
        0.289,
    ),
    "mnist_784x500": Preset(
        "784 x 500 binary units, trained on MNIST.",
        (28, 28),
        -84.82,
        0.241,
    ),
}


def path(preset: Path) -> pathlib.Path:
    """The file of a preset, or of a model of your own.

    Args:
        preset: Name of a preset, such as `"digits"`, or the path of a `.keras`
            file.

    Returns:
        Path of the `.keras` file.

    Raises:
        ValueError: If `preset` is neither.

    Example:
        presets.path("digits")
    """
    if preset in PRESETS:
        return _FOLDER / f"{preset}.keras"
    found = pathlib.Path(preset)
    if found.suffix != ".keras" or not found.is_file():
        raise ValueError(
            "`preset` must be the path of a .keras file, or one of "
            f"{sorted(PRESETS)}. Received: preset={str(preset)!r}"
        )
    return found


def card(preset: str) -> str:
    """The model card of a preset, as Markdown.

    Args:
        preset: Name of a preset.

    Returns:
        The text: data, likelihood, licence, and the command that trained it.

    Raises:
        ValueError: If there is no preset with this name.

    Example:
        print(presets.card("digits"))
    """
    if preset not in PRESETS:
        raise ValueError(
            f"`preset` must be one of {sorted(PRESETS)}. Received: "
            f"preset={preset!r}"
        )
    return (_FOLDER / f"{preset}.md").read_text("utf-8")
