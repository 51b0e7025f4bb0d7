"""Lists of callbacks for a training run."""

import logging
import math
from collections.abc import Sequence

import keras
import numpy as np

from keras_rbm import checks, devices
from keras_rbm.callbacks.chain_health import ChainHealth
from keras_rbm.callbacks.histograms import Histograms
from keras_rbm.callbacks.images import Images
from keras_rbm.callbacks.log_likelihood import LogLikelihood
from keras_rbm.callbacks.projection import Projection
from keras_rbm.callbacks.projector import Projector
from keras_rbm.callbacks.sample_measures import SampleMeasures
from keras_rbm.models import MachineModel
from keras_rbm.rows import drawn
from keras_rbm.typing import (
    Array,
    ImageShape,
    Path,
    PictureLike,
    SchemaLike,
)

_LOG = logging.getLogger("keras_rbm")
# Points of the likelihood curve, and their share of the time of a run.
_POINTS, _SHARE = 40, 0.1
_LEAST_BETAS, _MOST_BETAS = 300, 1000
_HEALTH_SWEEPS = 300
# A row of AIS takes longer than a row of an update, for its weights and draws.
_OVERHEAD = 1.5
# Most rows with missing entries that are completed.
_MOST_COMPLETED = 1000


def measurement_callbacks(
    model: MachineModel,
    log_dir: Path,
    v: Array | None,
    v_train: Array,
    every: int,
    num_betas: int = 1000,
) -> list[keras.callbacks.Callback]:
    """Returns `ChainHealth`, `LogLikelihood` and `SampleMeasures` for a model.

    Grey values have no log-likelihood under two-state units, and differ from
    samples: for these data, the list has only `ChainHealth`. A single example
    cannot be compared with samples: in this case, the list has no
    `SampleMeasures`. For data with missing entries, `LogLikelihood` measures
    the observed entries, and the other two callbacks complete up to 1,000
    rows, drawn from all rows.

    Args:
        model: A `MachineModel`, such as an `RBM`.
        log_dir: Path of TensorBoard's log directory.
        v: Array of shape `(examples, visible.width)`, validation data;
            `None` to measure `v_train` instead.
        v_train: Training data of the same form.
        every: Number of epochs between two measurements; 0 for none.
        num_betas: Number of steps of the annealing in `LogLikelihood`.

    Returns:
        List of callbacks. Put them before callbacks that use the logs.

    Raises:
        ValueError: If `every` is negative or not an integer.

    Example:
        measures = callbacks.measurement_callbacks(
            rbm, "logs", validation, train, every=5
        )
        print([type(measure).__name__ for measure in measures])
    """
    if not every:
        return []
    split = "validation"
    v, v_train = (
        checks.unmasked(checks.from_frame(name, x))
        for name, x in (("v", v), ("v_train", v_train))
    )
    if v is None:
        split, v, v_train = "train", v_train, None
    # Completing rows takes a hundred sweeps at each measurement.
    few = [_few_to_complete(rows) for rows in (v, v_train)]
    found = [ChainHealth(log_dir, *few, every)]
    try:
        model.check_states(v)
    except ValueError:
        _LOG.info("no log-likelihood: the %s data are not binarized", split)
    else:
        found.append(
            LogLikelihood(log_dir, v, every, num_betas=num_betas, split=split)
        )
        # A single row cannot be compared with samples. A comparison of many
        # rows takes 0.4 s.
        v, v_train = (None if x is None or len(x) < 2 else x for x in few)
        if v is not None:
            found.append(SampleMeasures(log_dir, v, v_train, 4 * every))
    return found


def _few_to_complete(v):
    """All rows, or some of them if entries are missing."""
    if v is None or not np.isnan(v).any():
        return v
    return drawn(v, _MOST_COMPLETED)


def affordable(
    model: MachineModel, examples: int, batch_size: int, steps: int, epochs: int
) -> tuple[int, int]:
    """How often to measure: up to 40 times per run, in a tenth of its time.

    Times are not measured but estimated, in rows of products with the kernel,
    so that a resumed run measures after the same epochs.

    Args:
        model: A `MachineModel`.
        examples: Number of examples that are measured.
        batch_size: Number of examples in a batch.
        steps: Number of updates in an epoch.
        epochs: Number of epochs.

    Returns:
        Tuple `(every, num_betas)` for `measurement_callbacks`.

    Example:
        every, num_betas = callbacks.affordable(
            rbm, len(validation), batch_size=100, steps=600, epochs=50
        )
    """
    chains = model.chain.num_chains or batch_size
    sampler = model.chain.sampler
    rows = chains * (1 if sampler is None else sampler.rows)
    sweeps = int(keras.ops.convert_to_numpy(model.chain.num_sweeps))
    # Each product for the statistics, and two for each sweep.
    epoch = steps * (3 * batch_size + rows * (2 * sweeps + 1))
    budget = _SHARE * epoch * epochs / _POINTS
    # Sweeps of `ChainHealth`, and the sweeps that reverse AIS starts from.
    fixed = 2 * _HEALTH_SWEEPS * chains + 2 * 100 * 100 + 4 * examples
    # AIS, its reverse, and half of it, by 100 chains of two products a beta.
    each = _OVERHEAD * 2.5 * 2 * 100
    betas = int(min(max((budget - fixed) / each, _LEAST_BETAS), _MOST_BETAS))
    cost = _OVERHEAD * fixed + each * betas
    every = max(math.ceil(epochs / _POINTS), math.ceil(cost / (_SHARE * epoch)))
    return min(every, epochs), betas


def picture_callbacks(
    log_dir: Path,
    examples: Array,
    v_train: Array,
    every: int,
    image_shape: ImageShape | None = None,
    picture: PictureLike | None = None,
    filters_dir: Path | None = None,
    names: Sequence[str] | None = None,
    schema: SchemaLike | None = None,
) -> list[keras.callbacks.Callback]:
    """Returns `Images`, `Histograms`, `Projection` and `Projector`.

    Args:
        log_dir: Path of TensorBoard's log directory.
        examples: Array of shape `(examples, visible.width)`, to reconstruct.
        v_train: Training data of the same form to compare the samples with,
            one or two thousand examples.
        every: Number of epochs between two pictures.
        image_shape: `(rows, columns)` of an example, or `None`.
        picture: `data.Picture` of the examples, or `None`.
        filters_dir: Directory where the filters are also saved, or `None`.
        names: Names of the columns if the examples are not images, or `None`.
        schema: `data.Schema` if the examples are rows of a table, or `None`.

    Returns:
        List of callbacks.

    Raises:
        ValueError: If `every` is not a positive integer.

    Example:
        pictures = callbacks.picture_callbacks(
            "logs", validation, train, every=5, image_shape=(4, 4)
        )
    """
    return [
        Images(
            log_dir,
            image_shape,
            examples,
            every,
            picture,
            filters_dir,
            names,
            schema,
        ),
        Histograms(log_dir, examples, every),
        Projection(log_dir, v_train, every),
        Projector(log_dir, v_train, image_shape, picture),
    ]


def on_chief(*callbacks) -> list[keras.callbacks.Callback]:
    """Returns the callbacks in the chief, and none in other processes.

    Use it for Keras callbacks that write files, such as `CSVLogger`. Callbacks
    that need all processes for their measurement (`LogLikelihood`, `Images`)
    must be in all processes; they write only in the chief.

    Args:
        *callbacks: Keras callbacks.

    Returns:
        List of callbacks.

    Example:
        logger = callbacks.on_chief(keras.callbacks.CSVLogger("history.csv"))
    """
    return list(callbacks) if devices.is_chief() else []
