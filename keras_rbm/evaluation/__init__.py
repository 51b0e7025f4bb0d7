"""Evaluates finished runs: likelihoods, samples and predicted ratings."""

from keras_rbm.evaluation.evaluate import evaluate as evaluate
from keras_rbm.evaluation.ratings import bias_predictions as bias_predictions
from keras_rbm.evaluation.ratings import evaluate_ratings as evaluate_ratings
from keras_rbm.evaluation.ratings import ranking_measures as ranking_measures
from keras_rbm.evaluation.ratings import rating_errors as rating_errors
from keras_rbm.evaluation.report import table as table
from keras_rbm.sample_measures import (
    AdversarialAccuracy as AdversarialAccuracy,
)
from keras_rbm.sample_measures import ClusterCoverage as ClusterCoverage
from keras_rbm.sample_measures import MeanDiscrepancy as MeanDiscrepancy
from keras_rbm.sample_measures import Moments as Moments
from keras_rbm.sample_measures import PairDifference as PairDifference
from keras_rbm.sample_measures import (
    adversarial_accuracy as adversarial_accuracy,
)
from keras_rbm.sample_measures import cluster_coverage as cluster_coverage
from keras_rbm.sample_measures import compare_samples as compare_samples
from keras_rbm.sample_measures import (
    maximum_mean_discrepancy as maximum_mean_discrepancy,
)
from keras_rbm.sample_measures import moments as moments
from keras_rbm.sample_measures import pca_distance as pca_distance
from keras_rbm.sample_measures import privacy_gap as privacy_gap
from keras_rbm.sample_measures import worst_pair as worst_pair
