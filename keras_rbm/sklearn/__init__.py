"""Estimators for scikit-learn."""

from keras_rbm.sklearn.imputer import RBMImputer as RBMImputer
from keras_rbm.sklearn.outlier_detector import (
    RBMOutlierDetector as RBMOutlierDetector,
)
from keras_rbm.sklearn.sampler import RBMSampler as RBMSampler
from keras_rbm.sklearn.transformer import RBMTransformer as RBMTransformer
