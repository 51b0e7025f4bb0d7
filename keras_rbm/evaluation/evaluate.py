"""The evaluation of a trained model: likelihoods, and measures of samples."""

import logging
import math
import os
import time
from typing import Any

import keras
import numpy as np

from keras_rbm import checks, likelihood, sample_measures
from keras_rbm.data import Data, binarized, check_data, some
from keras_rbm.data.checks import has_missing, scaled
from keras_rbm.evaluation import report
from keras_rbm.models import MachineModel
from keras_rbm.progress_bar import ProgressBar
from keras_rbm.rows import Rows, of_width, parts
from keras_rbm.typing import Binarize, Method, Path, Verbose

_LOG = logging.getLogger("keras_rbm")
_SPLITS = ("train", "validation", "test")
# Number of examples in a batch, and the most numbers in a choice of examples.
_BATCH, _NUMBERS = 1000, 2**25


def evaluate(
    model: MachineModel,
    data: Data,
    output: Path,
    binarize: Binarize = "none",
    seed: int = 0,
    method: Method = "auto",
    num_betas: int = 10_000,
    num_chains: int = 200,
    num_sweeps: int = 1000,
    max_examples: int = 10_000,
    num_samples: int = 1000,
    verbose: Verbose = "auto",
    about: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Mean log p(v) = -mean F(v) - log Z of each split, and other measures.

    All splits share one estimate of log Z. Writes `evaluation.json` into
    `output`, in place of an older one:

    - the entries of `about`, then `data` (its name), `binarize`, `seed`,
      `method`, `num_betas`, `num_chains`, `num_sweeps`, `max_examples`,
      `num_samples`;
    - `splits`: for each of `train`, `validation` and `test` that the data have,
        - `examples`: their number; the log-likelihood uses all of them;
        - `log_likelihood`: `lower`, `upper`, `standard_error`, in nats per
          example; the standard error includes that of log Z; `is_bound`,
          whether these numbers are a variational lower bound, as for a
          `DeepBoltzmannMachine`; `exact`, whether the finite number of
          examples is the only source of error; `trusted`, whether log Z and
          the sums over missing entries can be trusted; `warnings`, reasons not
          to trust these sums; `missing_entries`, a sentence if some of these
          sums are estimates, or `null`;
        - `baseline`: `log_likelihood` of the same examples under independent
          units with the moments of the training data; `gain`, the model's lower
          bound minus this number, and its `standard_error`, in nats per
          example; `bits_per_column`; and `warning`, a sentence if the gain does
          not exceed its error;
        - `log_jacobian`, for a table with a schema: `mean` over the examples,
          in nats. Added to a log-likelihood, it gives the log-density of the
          rows in their own units (see `Schema.log_jacobian`);
        - `pseudo_log_likelihood`: `mean`, `standard_error`, `examples`, in nats
          per example, over all sites; `null` if entries are missing;
        - `reconstruction_error`: mean squared error of an observed value;
        - `classification`, for a `ClassRBM` and a split with labels: `error`,
          the share of all labelled examples whose most probable class is wrong,
          its `standard_error`, and `conditional_log_likelihood`, the mean of
          log p(y | x) in nats;
    - `log_partition`: `method` (`"exact"` or `"ais"`), `lower`, `upper`,
      `standard_error`, `trusted`, `warnings`, `summary` (the same in words).
      For AIS also `forward`, `reverse`, `half_betas` (`forward` with half the
      betas) and `from_data` (`reverse` from examples), each with `log_z`,
      `standard_error`, `effective_sample_size` and `chains` (for `reverse`, the
      samples from which the chains start), and `visited`, a lower bound on log
      Z;
    - `fit`, with AIS: how the examples and samples of the model differ.
      `free_energy_gap` with `value` and `standard_error`, `free_energy` and
      `projection` with `distance` and `p_value`, and `warnings`;
    - `samples`: measures of samples of the model against data. `split` (the
      last split that the data have), `count` (number of samples), `measures`
      (the result of `compare_samples` for the samples and this split), and
      `reference` (the same for training data in place of the samples, which
      shows the level of noise; `null` if there is only one split). `samples` is
      `null` if entries of the data are missing;
    - `worst_pair`, for a table with a schema: the two columns whose rank
      correlation differs most between the held-out examples and samples of the
      model (see `worst_pair`). `columns` (such as `city=Rome`), `data`,
      `samples`, `standard_error`, `rows` (the number of examples in which both
      columns are observed), `pairs`, `differs`, and `examples` and `count`, the
      numbers of examples and of samples. Without held-out examples, the
      training examples are compared. `null` for data without a schema, or if
      no samples are drawn or no pair of columns can be compared;
    - `notes`: sentences about missing results and the meaning of numbers;
    - `seconds`: duration of the evaluation.

    `null` stands for values that do not exist, and for numbers that are not
    finite, such as the standard error of a single example. Grey values have no
    probability under units with two states: for such data, `log_partition` and
    all likelihoods are `null`.

    Args:
        model: A `MachineModel`, such as an `RBM`.
        data: A `keras_rbm.data.Data` as wide as the model's visible side.
        output: Directory to write to; created if it does not exist.
        binarize: `"stochastic"` (one fixed draw), `"threshold"` or `"none"`
            (see `data.in_order`). Numbers are comparable only under the same
            binarization.
        seed: Integer from 0 to 2**63 - 1, for the binarization, for AIS, and
            for sums over missing entries. The same seed gives the same numbers.
        method: `"auto"`, `"exact"` or `"ais"`, as for `RBM.log_partition`.
        num_betas: Number of steps of the annealing.
        num_chains: Number of chains of the annealing.
        num_sweeps: Number of sweeps before reverse AIS starts, and of each of
            the `num_samples` sampling chains.
        max_examples: The most examples of a split, chosen at random with a
            fixed seed, for the pseudo-log-likelihood and the reconstruction
            error.
        num_samples: Number of samples to draw from the model, and the most
            examples to compare them with; 0 for no samples.
        verbose: `"auto"` for progress bars on a screen, 1 or 0.
        about: Dict of further entries for `evaluation.json`, or `None`.

    Returns:
        Dict with the contents of `evaluation.json`.

    Raises:
        ValueError: If an argument is not as described, or the data do not
            fit the model.

    Example:
        bars = keras_rbm.data.bars_and_stripes(4)
        results = evaluation.evaluate(
            rbm, bars, "results", num_sweeps=20, num_samples=30
        )
        print(results["splits"]["train"]["log_likelihood"])
    """
    begin = time.perf_counter()
    max_examples = checks.positive_integer("max_examples", max_examples)
    num_samples = checks.non_negative_integer("num_samples", num_samples)
    _check(model, data)
    splits = {
        split: _examples(x, binarize, seed)
        for split in _SPLITS
        if (x := getattr(data, split)) is not None
    }
    note = _no_likelihood(model, data, splits)
    log_partition = None
    if not note:
        _LOG.info("log Z of %s and %s", model.visible, model.hidden)
        held_out = splits.get("validation", splits["train"])
        log_partition = model.log_partition(
            method,
            some(held_out, _most(held_out, max_examples)),
            num_betas,
            num_chains,
            num_sweeps,
            seed,
            verbose,
        )
    samples = (
        None
        if note
        else _drawn(model, data, splits, num_samples, num_sweeps, seed, verbose)
    )
    results = {
        **(about or {}),
        "data": data.name,
        "binarize": binarize,
        "seed": seed,
        "method": method,
        "num_betas": num_betas,
        "num_chains": num_chains,
        "num_sweeps": num_sweeps,
        "max_examples": max_examples,
        "num_samples": num_samples,
        "splits": {
            split: {
                **_split(
                    model, split, x, log_partition, max_examples, seed, verbose
                ),
                **_log_jacobian(data.schema, x),
            }
            for split, x in splits.items()
        },
        "log_partition": _log_partition(log_partition),
        "fit": _fit(log_partition),
        "samples": _samples(samples, splits),
        "worst_pair": _worst_pair(samples, splits, data.schema),
        "notes": [note] if note else _notes(model),
    }
    results["seconds"] = time.perf_counter() - begin
    return report.write(results, os.path.join(output, "evaluation.json"))


def _examples(x, binarize, seed):
    """Returns the examples of a split, scaled and binarized as asked."""
    if isinstance(x, Rows) and binarize == "none":
        return scaled(x)
    return binarized(x, binarize, seed)


def _most(x, count):
    """The largest number of examples to use; fewer if they are wide."""
    return of_width(x.shape[1], count, _NUMBERS)


def _check(model, data):
    if not isinstance(model, MachineModel):
        raise ValueError(
            "`model` must be a machine, such as an `RBM`. Received: "
            f"type(model)={type(model).__name__}"
        )
    check_data(data, model.example_units.width)


def _no_likelihood(model, data, splits):
    """Returns the reason why there are no likelihoods, or `None`."""
    if not model.can_sample:
        return (
            "No likelihoods: the model has learned p(y | x) alone "
            "(generative_weight=0)."
        )
    for split, x in splits.items():
        name = f"{data.name}.{split}"
        model.check_examples(x, name)
        try:
            model.check_states(x, name)
        except ValueError:
            return (
                f"No likelihoods: {name} holds values between the states of "
                "the visible units, which have no probability. Binarize them: "
                "--set 'evaluate.binarize=\"threshold\"'."
            )
    return None


def _notes(model):
    if model.has_likelihood_bounds:
        return [
            "The log-likelihood is a variational bound: p(v) is larger by a "
            "divergence that is not known."
        ]
    return []


def _split(model, split, x, log_partition, max_examples, seed, verbose):
    """The results of a split."""
    part = some(x, _most(x, max_examples))
    _LOG.info("%s: %d examples", split, len(x))
    ours = pseudo = None
    bar = ProgressBar(len(part), f"Pseudo-likelihood of {split}", verbose)
    squares = count = 0
    if log_partition is not None:
        ours = model.log_likelihood(
            x, log_partition=log_partition, seed=seed, verbose=verbose
        )
        if model.has_pseudo_likelihood and not has_missing(x):
            pseudo = []
    for _, batch in parts(part, of_width(part.shape[1], _BATCH)):
        again = keras.ops.cast(model.predict_reconstruction(batch), "float64")
        observed = ~np.isnan(batch)
        errors = (batch - np.asarray(again))[observed]
        squares, count = squares + np.square(errors).sum(), count + len(errors)
        if pseudo is not None:
            pseudo.append(model.pseudo_log_likelihood(batch))
        bar.add(len(batch))
    return {
        "examples": len(x),
        "log_likelihood": ours and _likelihood(ours),
        "baseline": ours and _baseline(ours),
        "pseudo_log_likelihood": pseudo and _mean(np.concatenate(pseudo)),
        "reconstruction_error": float(squares / count) if count else math.nan,
        **classification(model, x),
    }


def _log_jacobian(schema, x):
    """The mean log of the Jacobian, for a table that has a schema."""
    if schema is None:
        return {}
    return {"log_jacobian": {"mean": float(schema.log_jacobian(x).mean())}}


def classification(model, v):
    """How well a model classifies: its error and mean log p(y | x).

    Args:
        model: A `MachineModel`.
        v: Array of shape `(examples, visible.width)`, rows (x, one-hot y).
            Rows with NaN in place of y, which have no label, do not count.

    Returns:
        `{"classification": {"error": ..., "standard_error": ...,
        "conditional_log_likelihood": ...}}`; empty for a model without classes,
        or without labels.
    """
    if not model.num_classes:
        return {}
    x, labels = np.split(v, [model.features.width], axis=1)
    has_label = ~np.isnan(labels[:, -1])
    if not has_label.any():
        return {}
    x, labels = x[has_label], labels[has_label]
    p = model.class_probabilities(x).astype("float64")
    own = labels.argmax(axis=1)
    error = np.mean(p.argmax(axis=1) != own)
    # A probability that underflows in float32 counts as the smallest number.
    likely = np.maximum(p[np.arange(len(p)), own], np.finfo("float32").tiny)
    spread = np.sqrt(error * (1 - error) / len(p)) if len(p) > 1 else math.inf
    return {
        "classification": {
            "error": float(error),
            "standard_error": float(spread),
            "conditional_log_likelihood": float(np.log(likely).mean()),
        }
    }


def _log_partition(log_partition):
    """A log partition function as a dict."""
    if log_partition is None:
        return None
    bracket = isinstance(log_partition, likelihood.Bracket)
    found = {
        "method": "ais" if bracket else "exact",
        **_attributes(log_partition),
        "trusted": log_partition.trusted,
        "warnings": list(log_partition.warnings),
        "summary": str(log_partition),
    }
    if bracket:
        for name, estimate in (
            ("forward", log_partition.forward),
            ("reverse", log_partition.reverse),
            ("half_betas", log_partition.half),
            ("from_data", log_partition.from_data),
        ):
            found[name] = {
                "log_z": estimate.log_z,
                "standard_error": estimate.standard_error,
                "effective_sample_size": estimate.effective_sample_size,
                "chains": len(estimate.log_weights),
            }
        found["visited"] = log_partition.visited
    return found


def _fit(log_partition):
    """A `likelihood.Fit` as a dict, or `None`."""
    if log_partition is None or log_partition.fit is None:
        return None
    fit = log_partition.fit
    value, error = fit.free_energy_gap
    return {
        "free_energy_gap": {"value": value, "standard_error": error},
        **{
            name: dict(zip(("distance", "p_value"), distance, strict=True))
            for name, distance in (
                ("free_energy", fit.free_energy),
                ("projection", fit.projection),
            )
        },
        "warnings": list(fit.warnings),
    }


def _drawn(model, data, splits, count, num_sweeps, seed, verbose):
    """Samples of the model, or `None` if nothing is compared with them."""
    x = [*splits.values()][-1]
    count = of_width(x.shape[1], count, _NUMBERS)
    misses = any(has_missing(part) for part in splits.values())
    if min(count, len(x)) < 2 or (misses and data.schema is None):
        return None
    samples = model.sample(count, num_sweeps, seed=seed, verbose=verbose)
    return keras.ops.convert_to_numpy(samples)


def _worst_pair(samples, splits, schema):
    """The `PairDifference` of a table as a dict, or `None`."""
    if samples is None or schema is None:
        return None
    held_out = [x for split, x in splits.items() if split != "train"]
    held_out = held_out or [*splits.values()]
    x = np.concatenate([some(part, len(samples))[:] for part in held_out])
    groups = np.zeros(x.shape[1], int)
    for number, place in enumerate(schema.slices.values()):
        groups[place] = number
    found = sample_measures.worst_pair(x, samples, groups)
    if found is None:
        return None
    return {
        **found._asdict(),
        "columns": [schema.labels[column] for column in found.columns],
        "examples": len(x),
        "count": len(samples),
    }


def _samples(samples, splits):
    """Measures of samples against the last split as a dict, or `None`."""
    split, x = [*splits.items()][-1]
    if samples is None or any(has_missing(part) for part in splits.values()):
        return None  # Samples have no missing entries to compare.
    count = len(samples)
    x, train, others = some(x, count), None, None
    if split != "train" and len(splits["train"]) > 3:
        train = some(splits["train"], 2 * count)
        train, others = train[::2], train[1::2]
    compare = sample_measures.compare_samples
    return {
        "split": split,
        "count": count,
        "measures": compare(x, samples, train),
        # Other training data in place of the samples.
        "reference": None if others is None else compare(x, others, train),
    }


def _attributes(bounds):
    names = ("lower", "upper", "standard_error")
    return {name: float(getattr(bounds, name)) for name in names}


def _likelihood(ours):
    """A `MeanLogLikelihood` as a dict."""
    return {
        **_attributes(ours),
        "is_bound": ours.is_bound,
        "exact": ours.is_exact,
        "trusted": ours.trusted,
        "warnings": list(ours.scores_warnings),
        "missing_entries": ours.about_missing,
    }


def _baseline(ours):
    """Comparison of a `MeanLogLikelihood` with independent units, or `None`."""
    if ours.baseline is None:
        return None
    known = np.isfinite([ours.gain, ours.gain_standard_error]).all()
    no_better = known and not ours.beats_baseline
    return {
        "log_likelihood": ours.baseline,
        "gain": ours.gain,
        "standard_error": ours.gain_standard_error,
        "bits_per_column": ours.gain_in_bits,
        "warning": ours.warnings[-1] if no_better else None,
    }


def _mean(values):
    error = math.inf
    if len(values) > 1:
        error = values.std() / math.sqrt(len(values) - 1)
    return {
        "mean": float(values.mean()),
        "standard_error": float(error),
        "examples": len(values),
    }
