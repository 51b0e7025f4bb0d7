"""Training runs in plain Python, each with its own folder."""

from keras_rbm.experiment.data_source import UpperLayerData as UpperLayerData
from keras_rbm.experiment.finetuning import error_summary as error_summary
from keras_rbm.experiment.finetuning import finetune as finetune
from keras_rbm.experiment.joint_training import train_jointly as train_jointly
from keras_rbm.experiment.learning_rates import (
    hold_then_linear_decay as hold_then_linear_decay,
)
from keras_rbm.experiment.learning_rates import linear_decay as linear_decay
from keras_rbm.experiment.pretraining import pretrain as pretrain
from keras_rbm.experiment.ratings_training import (
    ratings_summary as ratings_summary,
)
from keras_rbm.experiment.ratings_training import train_ratings as train_ratings
from keras_rbm.experiment.training import run as run
