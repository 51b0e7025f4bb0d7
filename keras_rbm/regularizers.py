"""Penalties of the kernel: for sparse hidden units, or small couplings."""

import keras
from keras import ops

from keras_rbm import checks
from keras_rbm.typing import Config


@keras.saving.register_keras_serializable("keras_rbm")
class SquaredL1(keras.regularizers.Regularizer):
    """factor / (2 V) sum_j (sum_i |W_ij|)^2, with V the number of rows of W.

    Also called L1b. It acts like an L1 penalty whose factor grows with the
    weights of the hidden unit: all units become similarly sparse, and none
    dies. For sequences, V is the number of sites times the number of letters.

    Args:
        factor: Number, 0 or more.

    Raises:
        ValueError: If `factor` is not such a number.

    Reference: Tubiana, Cocco and Monasson (2019), "Learning protein
        constitutive motifs from sequence data", equation 8.

    Example:
        penalty = keras_rbm.SquaredL1(0.25)
        rbm = keras_rbm.RBM(30, 16, kernel_regularizer=penalty)
    """

    def __init__(self, factor: float):
        self.factor = checks.number_from_0("factor", factor)

    def __call__(self, w):
        sums = ops.sum(ops.abs(w), axis=0)
        return self.factor / (2 * w.shape[0]) * ops.sum(ops.square(sums))

    def get_config(self) -> Config:
        return {"factor": self.factor}


class _SitePenalty(keras.regularizers.Regularizer):
    """A penalty on the blocks of rows of the kernel that belong to a site."""

    def __init__(self, factor: float, categories: int):
        self.factor = checks.number_from_0("factor", factor)
        self.categories = checks.positive_integer("categories", categories)

    def _by_site(self, w):
        """The rows of each site, of shape `(sites, categories, hidden)`."""
        checks.rows_of_sites(w.shape, self.categories)
        return ops.reshape(w, (-1, self.categories, w.shape[1]))

    def get_config(self) -> Config:
        return {"factor": self.factor, "categories": self.categories}


@keras.saving.register_keras_serializable("keras_rbm")
class GroupLasso(_SitePenalty):
    """factor sum_sj sqrt(sum_(i in s) W_ij^2), with s the sites of v.

    All weights from a site to a hidden unit fall to 0 together. For units with
    one column per site, this is the L1 penalty.

    Args:
        factor: Number, 0 or more.
        categories: Number of columns of a site, a positive integer.

    Raises:
        ValueError: If an argument is not as described, or if `categories` does
            not divide the number of rows of the kernel.

    Reference: Yuan and Lin (2006), "Model selection and estimation in
        regression with grouped variables", equation 2.2.

    Example:
        rbm = keras_rbm.RBM(
            keras_rbm.Softmax(10, 4),
            8,
            kernel_regularizer=keras_rbm.GroupLasso(1e-3, 4),
        )
    """

    def __call__(self, w):
        squares = ops.sum(ops.square(self._by_site(w)), axis=1)
        # At 0, the slope of a root is infinite, and the norm's slope is 0.
        positive = squares > 0
        norms = ops.sqrt(ops.where(positive, squares, ops.ones_like(squares)))
        norms = ops.where(positive, norms, ops.zeros_like(norms))
        return self.factor * ops.sum(norms)


@keras.saving.register_keras_serializable("keras_rbm")
class SquaredCouplings(_SitePenalty):
    """factor sum_(s < t) ||J_st||^2, with J_st = W_s W_t^T for sites s and t.

    W_s holds the rows of the kernel that belong to site s, and ||.|| is the
    Frobenius norm. With `Gaussian` hidden units of precision 1, the machine is
    a Potts model, and the J_st are its couplings. Fix the precision, as in the
    example: if the units learn it, the couplings are
    W_s diag(1 / precision) W_t^T, and `fit` can lower the penalty by a smaller
    kernel and a smaller precision, without any change of p(v). With other
    hidden units and small weights, the couplings are approximately
    W_s D W_t^T, where the diagonal of D holds the variances of the hidden
    units. Pseudo-likelihood methods such as plmDCA penalize their couplings in
    the same way. `L2(factor)` penalizes the sum of the diagonals of the J_ss
    instead, which do not enter this penalty.

    Args:
        factor: Number, 0 or more.
        categories: Number of columns of a site, a positive integer.

    Raises:
        ValueError: If an argument is not as described, or if `categories` does
            not divide the number of rows of the kernel.

    Reference: Ekeberg, Lovkvist, Lan, Weigt and Aurell (2013), "Improved
        contact prediction in proteins: using pseudolikelihoods to infer Potts
        models", on the penalty of plmDCA.

    Example:
        rbm = keras_rbm.RBM(
            keras_rbm.Softmax(10, 4),
            keras_rbm.Gaussian(8, precision=1.0),
            kernel_regularizer=keras_rbm.SquaredCouplings(5e-3, 4),
        )
    """

    def __call__(self, w):
        by_site = self._by_site(w)
        own = ops.matmul(by_site, ops.transpose(by_site, (0, 2, 1)))
        # W^T W has the same norm as W W^T.
        rows, columns = w.shape
        first, second = (w, ops.transpose(w))
        if columns < rows:
            first, second = second, first
        every = ops.sum(ops.square(ops.matmul(first, second)))
        # Rounding errors may make the difference of large sums negative.
        others = ops.maximum(every - ops.sum(ops.square(own)), 0)
        return self.factor / 2 * others
