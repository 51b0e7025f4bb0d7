"""The modes of the command: training, evaluation and figures."""

import json
import math
import shlex

from keras_rbm_cli import configuration, folders, names, options, screen
from keras_rbm_cli.errors import Stopped, UserError, fail, shortened


def run():
    """Trains a run, evaluates it or draws its figures, depending on the flags.

    Raises:
        UserError: If the flags or the config do not fit.
        Stopped: After a signal, if the run has been saved.
    """
    mode, resuming = options.MODE.value, options.RESUME.value is not None
    if mode != "train":
        if resuming:
            raise UserError(f"--mode {mode} takes --output, not --resume")
        for flag in (options.EPOCHS, options.STRATEGY):
            if flag.present:
                raise UserError(
                    f"--{flag.name} has no effect with --mode {mode}, which "
                    "does not train. Remove the flag"
                )
        config, output = folders.finished(mode)
        names.check_flags(config, options)
        evaluating = mode == "evaluate"
        doing = "Evaluating" if evaluating else "Drawing figures of"
        print(f"{doing} {output} as {config} says", flush=True)
        (evaluate if evaluating else draw)(config, output)
    elif resuming:
        config, output = folders.begun()
        names.check_flags(config, options)
        print(f"Resuming {output} as {config} says", flush=True)
        train(config, output, resume=True)
    else:
        config = folders.config_to_train()
        names.check_flags(config, options)
        with folders.begin(config) as output:
            print(f"Training as {config.name} says, into {output}", flush=True)
            train(config, output)


def evaluate(config, output):
    """Evaluates a finished run."""
    log = output / "evaluate.log"
    gin, keras = configuration.libraries(log)
    import keras_rbm
    from keras_rbm import evaluation

    try:
        configuration.parse(
            gin, config, "evaluate", {"data", "binarize"}, output
        )
        results = gin.get_configurable("evaluate")(
            model=_load(keras, output / "model.keras"),
            output=str(output),
            about={
                "keras_rbm": keras_rbm.__version__,
                "config": str(config),
            },
        )
    except Exception as error:
        fail(error, log)
    print(f"\n{evaluation.table(results)}\n")
    print(f"The results are in {output / 'evaluation.json'}.")


def draw(config, output):
    """Draws the figures of a finished run again."""
    log = output / "figures.log"
    gin, keras = configuration.libraries(log)

    try:
        configuration.parse(
            gin,
            config,
            "draw",
            {"data", "binarize", "figures", "seed"},
            output,
        )
        names = gin.get_configurable("draw")(
            model=_load(keras, output / "model.keras"), output=str(output)
        )
    except Exception as error:
        fail(error, log)
    print(f"Drawn in {output}: {', '.join(names) or 'nothing'}.")


def _load(keras, path):
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:
        # Keras prints the whole config of the model before the reason.
        reason = str(error).rpartition("Exception encountered: ")[2]
        raise ValueError(
            f"cannot read {path}: {shortened(reason, 400)}"
        ) from error


def train(config, output, resume=False):
    """Trains from the beginning, or resumes a run."""
    log = output / f"{folders.process('train')}.log"
    with folders.alone(log):
        _train_alone(config, output, log, resume)


def _about_kinds(schema):
    """Describes how to change the kind of a column, by the example of one."""
    from keras_rbm.data import columns

    names = list(schema.slices)
    whole = (columns.Binary, columns.Count)
    few = [name for name in names if isinstance(schema[name], whole)]
    name, kind = (few[0], "Category") if few else (names[0], "Dropped")
    name = json.dumps(name, ensure_ascii=False)
    binding = shlex.quote(f"table.schema={{{name}: @{kind}()}}")
    *kinds, last = sorted(kind.__name__ for kind in columns.KINDS.values())
    return (
        "To change the kind of a column, start again with its name and another "
        f"kind, such as --set {binding}.\nThe kinds are {', '.join(kinds)} "
        f"and {last}."
    )


def _train_alone(config, output, log, resume):
    gin, keras = configuration.libraries(log, options.STRATEGY.value)
    from keras_rbm import callbacks, devices

    print(devices.describe(), flush=True)
    try:
        schema = output / folders.SCHEMA if resume else None
        configuration.read(
            gin, config, configuration.bindings(), options.DATA.value, schema
        )
        configuration.check_effects(gin, config)
        configuration.check_data_dir(gin, config, options.DATA_DIR.value)
        data = configuration.fit_to_data(gin)
        if resume:
            configuration.restore_seed(gin)
        keras.utils.set_random_seed(configuration.seed(gin) % 2**32)
        if data is not None:
            print(data, flush=True)
            if configuration.infers_schema(gin):
                print(_about_kinds(data.schema))
            if configuration.draws_bits(gin):
                print("Bits are drawn from the values anew for each batch.")
            del data
        name = configuration.experiment_of(gin)
        run, several = gin.get_configurable(name), name != "run"
        with screen.warnings_logged():
            found = run(
                output=str(output),
                # Bindings for later parts of a run are not operative yet.
                describe=gin.config_str
                if several
                else lambda: configuration.describe(gin),
                resume=resume,
            )
    except callbacks.Interrupted as interrupted:
        raise Stopped(interrupted.reason, output) from None
    except Exception as error:
        fail(error, log)
    if devices.is_chief():
        _report(gin, name, output, found)
    print(
        f"The run is in {output}; look at it with {screen.tensorboard(output)}."
    )


def _report(gin, name, output, found):
    """Prints the results of a run, and what to do next.

    Args:
        gin: The module, which has read the config.
        name: Name of the function that has trained.
        output: Path of the run's folder.
        found: What the function returned.
    """
    from keras_rbm import experiment

    summaries = {
        "finetune": experiment.error_summary,
        "train_ratings": experiment.ratings_summary,
    }
    if name in summaries:
        print(summaries[name](found))
    elif name == "run":
        # An evaluation of the user's own may write other files.
        evaluated = configuration.evaluates(gin) and _results(output).is_file()
        print(_evaluation(output) if evaluated else _likelihood(found.history))
        print(f"Pictures: {', '.join(_pictures(output))}.")
        if (output / "samples.csv").is_file():
            print(f"Rows that the model draws: {output / 'samples.csv'}.")
        if (output / "imputed.csv").is_file():
            print(
                "The table with its missing values filled in: "
                f"{output / 'imputed.csv'}."
            )
        if (output / "imputed_uncertainty.csv").is_file():
            print(
                "Which values were filled in, with their uncertainty: "
                f"{output / 'imputed_uncertainty.csv'}."
            )
        folder = shlex.quote(str(output))
        command = f"{screen.command()} --mode evaluate --output {folder}"
        if not evaluated:
            print(f"Measure the likelihood: `{command}`.")
        elif _is_estimated(output):
            print(f"Measure the likelihood more exactly: `{command}`.")


def _evaluation(output):
    """The evaluation at the end of a run, as a table."""
    from keras_rbm import evaluation

    results = json.loads(_results(output).read_text("utf-8"))
    return f"\n{evaluation.table(results)}\n"


def _is_estimated(output):
    """Whether log Z is an estimate, which longer annealing would improve."""
    results = json.loads(_results(output).read_text("utf-8"))
    log_partition = results["log_partition"]
    return log_partition is not None and log_partition["method"] == "ais"


def _results(output):
    """Path of the results of an evaluation."""
    return output / "evaluation.json"


def _likelihood(history):
    """The last likelihood of a run and its baseline, as one line."""
    for prefix, split in (("val_", "validation"), ("", "training")):
        name = f"{prefix}log_likelihood"
        found = [x[-1] for k, x in history.items() if k == name]
        if not found or not math.isfinite(found[0]):
            continue
        lower, upper = (
            f"{end:.3f}"
            for end in (found[0], history.get(f"{name}_upper", found)[-1])
        )
        line = f"Log-likelihood of the {split} data: {lower} nats"
        if upper not in (lower, "nan"):
            line = (
                f"Log-likelihood of the {split} data, by a quick measurement: "
                f"{lower} to {upper} nats"
            )
        baseline = history.get(f"{name}_baseline", [math.nan])[-1]
        if math.isfinite(baseline):
            line += (
                f"; independent units: {baseline:.3f} (gain "
                f"{found[0] - baseline:+.3f})"
            )
        return f"{line}."
    return "The log-likelihood was not measured while training."


def _pictures(output):
    """Paths of the pictures of a run."""
    return [str(path) for path in sorted(output.glob("*.png"))] or ["none"]
