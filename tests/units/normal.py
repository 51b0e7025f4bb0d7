"""A machine of Gaussian units on both sides is one normal law."""

import numpy as np
import tensorflow as tf

from keras_rbm import Gaussian
from keras_rbm.machine import Machine


class Normal:
    """A machine of Gaussian units, and the normal law that it is."""

    def __init__(self, visible=3, hidden=2, scale=0.4):
        rng = np.random.default_rng(6)
        kernel = scale * rng.normal(size=(visible, hidden))
        bias = rng.normal(size=visible + hidden)
        precision = rng.uniform(1.0, 2.0, size=visible + hidden)
        self.machine = Machine(
            Gaussian(visible),
            Gaussian(hidden),
            tf.constant(kernel),
            *(
                {
                    "bias": tf.constant(bias[s]),
                    "precision": tf.constant(precision[s]),
                }
                for s in (slice(visible), slice(visible, None))
            ),
        )
        matrix = np.diag(precision)
        matrix[:visible, visible:] = -kernel
        matrix[visible:, :visible] = -kernel.T
        self.covariance = np.linalg.inv(matrix)
        self.mean = self.covariance @ bias
        self.log_z = 0.5 * (
            bias @ self.mean + np.linalg.slogdet(2 * np.pi * self.covariance)[1]
        )
        self.visible = slice(visible)

    def draws(self, count):
        rng = np.random.default_rng(8)
        x = rng.multivariate_normal(self.mean, self.covariance, count)
        return tf.constant(x[:, self.visible], "float32")
