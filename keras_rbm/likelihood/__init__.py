"""Estimators of the log-likelihood, as pure functions."""

from keras_rbm.likelihood.ais import ais as ais
from keras_rbm.likelihood.ais import betas as betas
from keras_rbm.likelihood.ais import reverse_ais as reverse_ais
from keras_rbm.likelihood.bennett import BennettEstimate as BennettEstimate
from keras_rbm.likelihood.bennett import bennett as bennett
from keras_rbm.likelihood.bracket import Bracket as Bracket
from keras_rbm.likelihood.bracket import bracket as bracket
from keras_rbm.likelihood.classes import class_inputs as class_inputs
from keras_rbm.likelihood.classes import feature_inputs as feature_inputs
from keras_rbm.likelihood.classes import (
    log_class_probabilities as log_class_probabilities,
)
from keras_rbm.likelihood.estimate import Estimate as Estimate
from keras_rbm.likelihood.exact import Exact as Exact
from keras_rbm.likelihood.exact import can_be_exact as can_be_exact
from keras_rbm.likelihood.exact import exact as exact
from keras_rbm.likelihood.fit import Fit as Fit
from keras_rbm.likelihood.fit import compare as compare
from keras_rbm.likelihood.observed import Observed as Observed
from keras_rbm.likelihood.observed import exact_hidden_mean as exact_hidden_mean
from keras_rbm.likelihood.observed import exact_observed as exact_observed
from keras_rbm.likelihood.observed import exact_rows as exact_rows
from keras_rbm.likelihood.observed import observed as observed
from keras_rbm.likelihood.pseudo import has_density as has_density
from keras_rbm.likelihood.pseudo import (
    pseudo_likelihood_is_defined as pseudo_likelihood_is_defined,
)
from keras_rbm.likelihood.pseudo import (
    pseudo_log_density as pseudo_log_density,
)
from keras_rbm.likelihood.pseudo import (
    pseudo_log_likelihood as pseudo_log_likelihood,
)
from keras_rbm.likelihood.pseudo import (
    stochastic_pseudo_log_likelihood as stochastic_pseudo_log_likelihood,
)
from keras_rbm.likelihood.starts import from_patterns as from_patterns
from keras_rbm.likelihood.starts import spaced as spaced
from keras_rbm.likelihood.trajectory import anneal_between as anneal_between
from keras_rbm.likelihood.trajectory import (
    reverse_trajectory_ais as reverse_trajectory_ais,
)
from keras_rbm.likelihood.trajectory import trajectory_ais as trajectory_ais
from keras_rbm.likelihood.visited import visited_states as visited_states
