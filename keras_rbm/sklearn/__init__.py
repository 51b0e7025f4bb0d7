"""Estimators for scikit-learn."""

from keras_rbm.sklearn.transformer import RBMTransformer as RBMTransformer
