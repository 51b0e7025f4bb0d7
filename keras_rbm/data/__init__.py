"""Data sets and their batches."""

from keras_rbm.data.arrays import arrays
from keras_rbm.data.bars_and_stripes import bars_and_stripes
from keras_rbm.data.categorical import categorical, one_hot
from keras_rbm.data.checks import to_float
from keras_rbm.data.columns import (
    Binary,
    Category,
    Column,
    Count,
    Dropped,
    Logarithm,
    Positive,
    Quantiles,
    Real,
)
from keras_rbm.data.counts import counts
from keras_rbm.data.dataset import Data, check_data, is_grey, some, split
from keras_rbm.data.digits import digits
from keras_rbm.data.images import images
from keras_rbm.data.labels import with_labels
from keras_rbm.data.mnist import mnist
from keras_rbm.data.picture import Picture
from keras_rbm.data.pipeline import batches, binarized, in_order
from keras_rbm.data.ratings import RatingsData, movielens, ratings
from keras_rbm.data.schema import Schema
from keras_rbm.data.table import table
from keras_rbm.data.whitened import whitened
from keras_rbm.ratings import Ratings
from keras_rbm.rows import only_stored

__all__ = [
    "Binary",
    "Category",
    "Column",
    "Count",
    "Data",
    "Dropped",
    "Logarithm",
    "Picture",
    "Positive",
    "Quantiles",
    "Ratings",
    "RatingsData",
    "Real",
    "Schema",
    "arrays",
    "bars_and_stripes",
    "batches",
    "binarized",
    "categorical",
    "check_data",
    "counts",
    "digits",
    "images",
    "in_order",
    "is_grey",
    "mnist",
    "movielens",
    "one_hot",
    "only_stored",
    "ratings",
    "some",
    "split",
    "table",
    "to_float",
    "whitened",
    "with_labels",
]
