"""TensorBoard's event files: writers, tags, descriptions, and rewinding.

The group of a tag is the part before the slash. TensorBoard sorts the groups by
name and opens the first two, so their names begin with numbers, in the order
of reading. A metric of both training and validation has the same tag in both
runs, so that both curves are in one chart.
"""

import logging
import os
import pathlib
import textwrap
import weakref

import tensorflow as tf
from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalars

from keras_rbm import devices
from keras_rbm.typing import Path

# Groups of tags.
IMAGES = "1 Images"
LIKELIHOOD = "2 Likelihood"
CHAINS = "3 Chains"
LEARNING = "4 Learning"
THROUGHPUT = "5 Throughput"
HISTOGRAMS = "6 Histograms"

#: Descriptions of the scalars, by their names.
DESCRIPTIONS = {
    "log_likelihood_lower": "Mean log p(v) of held-out examples (of their "
    "observed entries, if some are missing) in nats, the pessimistic end of "
    "its bracket: the number to compare runs by.",
    "log_likelihood_upper": "The optimistic end of the bracket of log p(v).",
    "log_likelihood_baseline": "Mean log p(v) of the same examples under "
    "independent units: a model that has learned anything is above it.",
    "log_partition_lower": "The lower bound of log Z, in nats.",
    "log_partition_upper": "The upper bound of log Z, in nats.",
    "log_partition_trajectory": "log Z along the path of the training, in "
    "nats: it should lie between its bounds.",
    "log_likelihood_trajectory": "Mean log p(v) by the log Z of the path of "
    "the training, in nats, of each epoch.",
    "standard_error": "The standard error of the mean log p(v), due to the "
    "examples, the chains and estimated sums over missing entries.",
    "effective_sample_size": "How many annealed chains carry the weight, in "
    "the worse direction. Chains of reverse AIS, of which half start from "
    "data, count twice. Below 50 the bracket is not trusted.",
    "effective_sample_size_trajectory": "How many chains along the path of "
    "the training carry the weight. Below 10 the estimate is rough.",
    "pseudo_log_likelihood": "Mean sum of log p(v_i | other units), in nats. "
    "It may rise while the likelihood falls.",
    "conditional_log_likelihood": "Mean log p(y | x), in nats.",
    "validation_gap": "Mean log p(v) of training examples less that of "
    "validation examples, in nats: it grows with overfitting.",
    "autocorrelation_time": "Sweeps after which the free energy of a chain is "
    "forgotten.",
    "memory": "Autocorrelation of the free energy over half of the run of "
    "sweeps: near 0 chains mix, near 1 each chain stays where it is.",
    "projection_memory": "Correlation of the chains' states before and after "
    "the run of sweeps, on a principal axis of the data: near 1 each chain "
    "stays in its mode. With fewer than 16 chains, large by chance.",
    "projection_distance": "Distance of the distributions of particles and "
    "data on a principal axis (Kolmogorov-Smirnov): above 0.4 the particles "
    "are in too few modes.",
    "never_flipping": "Share of the visible units that flip in no chain.",
    "distance": "Root mean square of the particles' mean minus the mean of the "
    "data.",
    "distance_after": "The same after a run of sweeps without learning.",
    "distance_floor": "What as many independent examples would have.",
    "swap_rate_min": "Smallest rate of exchange of neighbouring betas: below "
    "0.05 take more betas.",
    "swap_rate_mean": "Mean rate of exchange of neighbouring betas.",
    "round_trip_rate": "How often in a sweep a replica of a chain comes to "
    "beta = 1 from beta = 0.",
    "num_sweeps": "Sweeps of an update.",
    "adversarial_accuracy": "How often the nearest neighbour tells samples "
    "from data: 0.5 is ideal, near 1 samples are unlike the data.",
    "privacy_gap": "Above 0 samples are closer to training data than to "
    "validation data.",
    "moment_1_correlation": "Correlation of the means of samples and data.",
    "moment_2_correlation": "Correlation of the covariances of samples and "
    "data.",
    "moment_3_correlation": "Correlation of the third moments of samples and "
    "data.",
    "pca_distance": "Largest Wasserstein distance of samples and data on "
    "three principal axes, in standard deviations.",
    "mmd_squared": "Maximum mean discrepancy of samples and data: 0 is ideal.",
    "cluster_distance": "Distance of the shares of ten clusters in samples "
    "and data, from 0 to 1.",
    "clusters_missed": "Number of clusters of the data that the samples miss: "
    "five samples or more are expected there, but the share of the samples is "
    "below a tenth of the share of the data.",
    "loss": "F(data) - F(chains), whose gradient is followed. It is no "
    "likelihood, and hovers near 0 while the chains follow.",
    "reconstruction_error": "Mean squared difference of examples and their "
    "reconstructions, for each unit.",
    "cross_entropy": "Cross-entropy of examples and their reconstructions, "
    "in nats.",
    "error": "Share of the examples that are classified wrongly.",
    "hidden_activity": "Mean of E[h | v] over hidden units and examples.",
    "hidden_dead": "Share of the hidden units that are off for all validation "
    "examples.",
    "hidden_saturated": "Share of the hidden units that are on for all "
    "validation examples.",
    "top_constant": "Share of the top layer's units whose mean no validation "
    "example moves.",
    "learning_rate": "Learning rate of the optimizer at the end of the epoch.",
    "updates_per_second": "Updates of the parameters per second, without "
    "validation and measurements.",
}

_LOG = logging.getLogger("keras_rbm")
_WRITERS = weakref.WeakValueDictionary()


def writer(log_dir, run="train"):
    """The shared writer of `<log_dir>/<run>`, opened if it is not open.

    If two event files grow in one directory, TensorBoard reads only the newer
    one, so all callbacks must share a file. The file is closed when no
    reference to the writer is left. After that, or after the directory has
    been removed, a new file is opened. If there are several processes, only
    the chief writes.

    Args:
        log_dir: Path of TensorBoard's log directory.
        run: Name of the run, a directory in `log_dir`.

    Returns:
        A `tf.summary.SummaryWriter`. Keep a reference to it until you have
        written everything.
    """
    if not devices.is_chief():
        return tf.summary.create_noop_writer()
    path = str((pathlib.Path(log_dir) / run).absolute())
    found = _WRITERS.get(path)
    if found is None or not tf.io.gfile.exists(path):
        found = _WRITERS[path] = tf.summary.create_file_writer(path)
    return found


def metric_tag(name):
    """The tag of a metric, in the group that its name determines.

    Args:
        name: Name in the logs of Keras, without `val_`.

    Returns:
        Text such as `"4 Learning/loss"`.
    """
    group = LEARNING
    if "likelihood" in name or "log_partition" in name:
        group = LIKELIHOOD
    elif name == "num_sweeps":
        group = CHAINS
    return f"{group}/{name}"


def scalar(tag, value, step=None):
    """Writes a number with its description.

    Args:
        tag: Text such as `"4 Learning/loss"`.
        value: The number.
        step: The step, or `None` for the step of the writer.
    """
    name = tag.rpartition("/")[2]
    description = DESCRIPTIONS.get(name.removeprefix("val_"))
    if description is None:
        description = f"The number `{name}` that this run has logged."
    elif name.startswith("val_"):
        description += " Of validation examples."
    tf.summary.scalar(tag, value, step=step, description=description)


def image(tag, pixels, description):
    """Writes a picture with its description, at the step of the writer.

    Args:
        tag: Text such as `"1 Images/contacts"`.
        pixels: `uint8` array of shape `(height, width, 3)`.
        description: What the picture shows, as text.
    """
    tf.summary.image(tag, pixels[None], description=description)


def write_bands():
    """Writes the charts of the tab Custom Scalars to the current writer.

    Each bracket is a band, with the baseline of independent units beside it.
    TensorBoard does not smooth bands.
    """
    layout = layout_pb2.Layout()
    category = layout.category.add(title=LIKELIHOOD)
    for title, name, others in (
        ("log p(v) and independent units", "log_likelihood", ("baseline",)),
        ("log Z", "log_partition", ("trajectory",)),
    ):
        margin = category.chart.add(title=title).margin
        lower, upper = (
            f"{LIKELIHOOD}/{name}_{end}" for end in ("lower", "upper")
        )
        margin.series.add(value=lower, lower=lower, upper=upper)
        for other in others:
            tag = f"{LIKELIHOOD}/{name}_{other}"
            margin.series.add(value=tag, lower=tag, upper=tag)
    summary = custom_scalars.pb(layout)
    tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=0)


def config_text(log_dir: Path, text: str, name: str = "config") -> None:
    """Writes a text, unformatted, into `<log_dir>/train`.

    Args:
        log_dir: Path of TensorBoard's log directory.
        text: The text, for example gin's operative configuration.
        name: The tag.

    Example:
        callbacks.config_text("logs", "run.epochs = 20")
    """
    train = writer(log_dir)
    # In Markdown, indented text is a block of code, whatever it contains.
    block = textwrap.indent(text, "    ", predicate=lambda line: True)
    with train.as_default(step=0):
        tf.summary.text(name, block)
    train.flush()


def rewind(log_dir: Path, step: int) -> None:
    """Removes from all runs the records that were written after a step.

    A run that resumes from a checkpoint then has each step only once. Records
    at step 0 (the configuration) are removed, too, since they are written
    again. If the end of a file was lost when its process was killed, the
    complete records are read.

    Args:
        log_dir: Path of TensorBoard's log directory.
        step: The last step to keep.

    Example:
        callbacks.config_text("logs", "run.epochs = 20")
        callbacks.rewind("logs", step=10)  # Later records are gone.
    """
    for directory in pathlib.Path(log_dir).glob("*/"):
        paths = sorted(directory.glob("events.out.tfevents.*"))
        if not paths:
            continue
        aside = directory / "rewinding"
        seen = set()
        with tf.io.TFRecordWriter(str(aside)) as file:
            for record in _records(paths):
                event = event_pb2.Event.FromString(record)
                kept = event.HasField("file_version") or 1 <= event.step <= step
                # If `rewind` was killed, some records are there twice.
                if kept and record not in seen:
                    seen.add(record)
                    file.write(record)
        os.replace(aside, paths[0])
        _WRITERS.pop(str(directory.absolute()), None)
        for path in paths[1:]:
            path.unlink()


def _records(paths):
    """The records of event files, one after the other."""
    for path in paths:
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                yield record.numpy()
        except tf.errors.DataLossError as error:
            if "truncated" not in error.message:
                _LOG.warning("%s is damaged, and cut: %s", path, error.message)
