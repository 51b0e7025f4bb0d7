"""Whitened data for Gaussian units: centred, uncorrelated, variance 1."""

import numbers

import numpy as np

from keras_rbm import checks
from keras_rbm.data.checks import to_float
from keras_rbm.data.dataset import Data, check_is_data, check_no_picture, mapped
from keras_rbm.data.picture import Picture


def whitened(data: Data, num_components: int | float = 0.99) -> Data:
    """Returns the data as whitened principal components.

        x' = S^-1/2 U^T (x - mean)

    with U the first eigenvectors of the covariance of the training examples
    and S their eigenvalues. Directions without variance, such as pixels that
    are always black, are left out, since they have no density. Pictures are
    converted back to pixels, x = mean + U S^1/2 x'.

    Args:
        data: A `Data` of intensities.
        num_components: Number of components, an integer; or the share of the
            variance that the components should explain, between 0 and 1.

    Returns:
        A `Data` of float32 arrays of shape `(examples, components)`.

    Raises:
        ValueError: If an argument is not as described, or if the training
            examples vary in fewer directions.

    Reference: Bell and Sejnowski (1997), "The 'independent components' of
        natural scenes are edge filters", section 2.

    Example:
        patches = keras_rbm.data.whitened(keras_rbm.data.digits(), 0.95)
        rbm = keras_rbm.RBM(keras_rbm.Gaussian(patches.width), 64, seed=0)
    """
    from sklearn.decomposition import PCA

    check_is_data(data)
    check_no_picture(data)
    most = min(data.train.shape)
    if isinstance(num_components, bool) or not (
        (
            isinstance(num_components, numbers.Integral)
            and 1 <= num_components <= most
        )
        or (isinstance(num_components, numbers.Real) and 0 < num_components < 1)
    ):
        raise ValueError(
            f"`num_components` must be an integer from 1 to {most}, or a share "
            "of the variance between 0 and 1. Received: num_components="
            f"{num_components!r}"
        )
    pca = PCA(num_components, svd_solver="full")
    checks.in_memory("train", data.train.shape)
    pca.fit(to_float(data.train[:]).astype("float64"))
    scale = np.sqrt(pca.explained_variance_)
    # Directions without variance only have rounding errors.
    kept = int(np.sum(scale > 1e-6 * scale[0]))
    if kept < len(scale):
        raise ValueError(
            f"`num_components` must be at most {kept}: the training examples "
            "vary in no more directions. Received: num_components="
            f"{num_components!r}"
        )

    def components(x):
        x = pca.transform(to_float(x).astype("float64")) / scale
        return x.astype("float32")

    return mapped(
        data,
        components,
        f"{data.name}, whitened",
        Picture(scale[:, None] * pca.components_, pca.mean_),
    )
