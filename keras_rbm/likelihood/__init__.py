"""Estimators of the log-likelihood, as pure functions."""

from keras_rbm.likelihood.pseudo import (
    stochastic_pseudo_log_likelihood as stochastic_pseudo_log_likelihood,
)
