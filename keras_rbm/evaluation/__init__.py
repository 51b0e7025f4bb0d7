"""What a finished run is worth."""

from keras_rbm.evaluation.evaluate import evaluate as evaluate
from keras_rbm.evaluation.report import table as table
