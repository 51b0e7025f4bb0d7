"""Callbacks for training: measurements, pictures, logs and checkpoints."""

from keras_rbm.callbacks.chain_health import ChainHealth as ChainHealth
from keras_rbm.callbacks.checkpoint import Checkpoint as Checkpoint
from keras_rbm.callbacks.checkpoint import Interrupted as Interrupted
from keras_rbm.callbacks.checkpoint import Position as Position
from keras_rbm.callbacks.divergence import (
    StopOnDivergence as StopOnDivergence,
)
from keras_rbm.callbacks.held_out_ratings import (
    HeldOutRatings as HeldOutRatings,
)
from keras_rbm.callbacks.histograms import Histograms as Histograms
from keras_rbm.callbacks.images import Images as Images
from keras_rbm.callbacks.log_likelihood import LogLikelihood as LogLikelihood
from keras_rbm.callbacks.num_sweeps import NumSweeps as NumSweeps
from keras_rbm.callbacks.progress import EpochLog as EpochLog
from keras_rbm.callbacks.progress import Progress as Progress
from keras_rbm.callbacks.projection import Projection as Projection
from keras_rbm.callbacks.projector import Projector as Projector
from keras_rbm.callbacks.run_callbacks import affordable as affordable
from keras_rbm.callbacks.run_callbacks import (
    measurement_callbacks as measurement_callbacks,
)
from keras_rbm.callbacks.run_callbacks import on_chief as on_chief
from keras_rbm.callbacks.run_callbacks import (
    picture_callbacks as picture_callbacks,
)
from keras_rbm.callbacks.sample_measures import (
    SampleMeasures as SampleMeasures,
)
from keras_rbm.callbacks.scalars import Scalars as Scalars
from keras_rbm.callbacks.snapshots import Snapshots as Snapshots
from keras_rbm.callbacks.snapshots import read_snapshots as read_snapshots
from keras_rbm.callbacks.tensorboard import config_text as config_text
from keras_rbm.callbacks.tensorboard import rewind as rewind
from keras_rbm.callbacks.trajectory_ais import TrajectoryAIS as TrajectoryAIS
from keras_rbm.callbacks.update_log import UpdateLog as UpdateLog
