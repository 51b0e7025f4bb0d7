"""Samplers: Markov chains over the visible states of a machine.

The whole package uses samplers to move chains: in training, in sampling, for
the starts of reverse annealed importance sampling, and in diagnostics.
"""

from keras_rbm.samplers.base import Clamp as Clamp
from keras_rbm.samplers.base import Info as Info
from keras_rbm.samplers.base import Kept as Kept
from keras_rbm.samplers.base import Ladder as Ladder
from keras_rbm.samplers.base import Sampler as Sampler
from keras_rbm.samplers.base import run as run
from keras_rbm.samplers.gibbs import Gibbs as Gibbs
from keras_rbm.samplers.gibbs import GibbsState as GibbsState
from keras_rbm.samplers.gibbs import HiddenState as HiddenState
from keras_rbm.samplers.ladder import LadderSampler as LadderSampler
from keras_rbm.samplers.long_runs import WatchedRun as WatchedRun
from keras_rbm.samplers.long_runs import average_visible as average_visible
from keras_rbm.samplers.long_runs import sample as sample
from keras_rbm.samplers.long_runs import watched_sample as watched_sample
from keras_rbm.samplers.low_rank import LowRankState as LowRankState
from keras_rbm.samplers.low_rank import LowRankTempering as LowRankTempering
from keras_rbm.samplers.stacked import StackedState as StackedState
from keras_rbm.samplers.stacked import StackedTempering as StackedTempering
from keras_rbm.samplers.tempered import Tempered as Tempered
from keras_rbm.samplers.tempered import TemperedState as TemperedState
from keras_rbm.samplers.trajectory import TrajectoryState as TrajectoryState
from keras_rbm.samplers.trajectory import (
    TrajectoryTempering as TrajectoryTempering,
)


def get(sampler: Sampler | None) -> Sampler:
    """Returns the sampler, or `Gibbs()` if it is `None`.

    Raises:
        ValueError: If `sampler` is neither a `Sampler` nor `None`.

    Example:
        print(samplers.get(None))  # Gibbs()
    """
    sampler = Gibbs() if sampler is None else sampler
    if not isinstance(sampler, Sampler):
        raise ValueError(
            "`sampler` must be a sampler, such as Gibbs() or Tempered(), or "
            "None. "
            f"Received: sampler={sampler!r}"
        )
    return sampler
