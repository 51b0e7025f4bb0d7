"""The handwritten digits that come with scikit-learn."""

import numpy as np

from keras_rbm.data.dataset import Data, split
from keras_rbm.data.labels import picture, with_labels


def digits(
    validation_size: int = 180,
    test_size: int = 180,
    seed: int = 0,
    num_classes: int = 0,
) -> Data:
    """Returns scikit-learn's 1,797 digits of 8 x 8 pixels, shuffled.

    The digits come with scikit-learn: nothing is downloaded. The 17 grey levels
    0 to 16 are divided by 16.

    Args:
        validation_size: Number of examples held out, 0 for none.
        test_size: Number of examples held out, 0 for none.
        seed: Integer; the same seed always gives the same three splits.
        num_classes: 10 for rows (x, one-hot y), the examples of a `ClassRBM`; 0
            for images only.

    Returns:
        A `Data` of float32 arrays of shape `(examples, 64 + num_classes)` in
        [0, 1], with `image_shape=(8, 8)`.

    Raises:
        ValueError: If a size or the seed is negative or not an integer, if the
            sizes leave nothing to train on, or if `num_classes` is not as
            described.

    Reference:
        - Alpaydin and Kaynak, 1998, Optical Recognition of Handwritten Digits,
          UCI Machine Learning Repository (its test set).

    Example:
        digits = keras_rbm.data.digits()
        plots.images(digits.test[:60], digits.image_shape)
    """
    from sklearn.datasets import load_digits

    source = load_digits()
    x = (source.data / 16.0).astype(np.float32)
    if num_classes:
        x = with_labels(x, source.target, num_classes)
    train, validation, test = split(x, validation_size, test_size, seed)
    shown = picture(train, num_classes)
    return Data("digits", train, validation, test, (8, 8), shown)
