"""gin: the names that a .gin file can use, and how one is read.

Nothing else imports gin.
"""

import functools
import inspect

from absl import logging as absl_logging

from keras_rbm_cli import options, screen
from keras_rbm_cli.errors import UserError
from keras_rbm_cli.folders import CONFIGS


def libraries(log, strategy="none"):
    """What takes seconds to import, with names for .gin files."""
    absl_logging.set_verbosity(absl_logging.FATAL)  # gin reports file look-ups
    screen.log_to(log)
    with screen.quiet(log):
        import gin
        import keras

        from keras_rbm import devices, experiment

        try:  # Before anything else of TensorFlow is used.
            strategy = devices.strategy(strategy)
        except (ValueError, RuntimeError) as error:
            raise UserError(f"--strategy: {error}") from error
    register(gin, keras, experiment, strategy)
    return gin, keras


def register(gin, keras, experiment, strategy=None):
    """Names for .gin files; classes stay as they are."""
    import keras_rbm
    from keras_rbm import data, evaluation, figures, networks

    for thing in (
        experiment.run,
        experiment.pretrain,
        experiment.finetune,
        experiment.train_jointly,
        networks.layer_seed,
        evaluation.evaluate,
        figures.draw,
        figures.Restoration,
        figures.Dreams,
        figures.Animation,
        figures.Inpainting,
        experiment.linear_decay,
        experiment.hold_then_linear_decay,
        *(
            _in_scope(strategy, thing)
            if issubclass(thing, keras.Model)
            else thing
            for thing in _classes(keras_rbm)
        ),
        data.mnist,
        data.digits,
        data.bars_and_stripes,
        data.arrays,
        data.categorical,
        data.counts,
        data.whitened,
        *_classes(keras.optimizers),
        *_classes(keras.optimizers.schedules),
        *_classes(keras.initializers),
        *_classes(keras.regularizers),
        *_classes(keras.constraints),
    ):
        gin.external_configurable(thing)


def _in_scope(strategy, model):
    """The class of a model, or what makes it in the scope of a strategy."""
    if strategy is None or strategy.num_replicas_in_sync == 1:
        return model

    @functools.wraps(model)
    def make(*args, **kwargs):
        with strategy.scope():
            return model(*args, **kwargs)

    make.__signature__ = inspect.signature(model)
    return make


def _classes(module):
    """The public classes of a module, without those for subclassing."""
    abstract = {
        "Chain",
        "Constraint",
        "Initializer",
        "Optimizer",
        "Regularizer",
        "Units",
    }
    return [
        thing
        for name, thing in sorted(vars(module).items())
        if isinstance(thing, type)
        and name == thing.__name__
        and name not in abstract
    ]


def read(gin, config, bindings):
    """Reads a .gin file, and bindings on top."""
    gin.add_config_file_search_path(str(CONFIGS))
    gin.parse_config_files_and_bindings([str(config)], bindings)


def parse(gin, config, function, shared):
    """Reads the config; a function shares some bindings with `run`."""
    read(gin, config, bindings())
    trained = gin.get_bindings("run", resolve_references=False)
    own = gin.get_bindings(function, resolve_references=False)
    with gin.unlock_config():
        for name in shared & trained.keys() - own.keys():
            gin.bind_parameter(f"{function}.{name}", trained[name])


def bindings():
    """What the flags bind, as lines of a .gin file."""
    found = list(options.SET.value)
    # The seed of a run may be that of its data, which must stay the same.
    seed_of = {"train": "seed", "evaluate": "evaluate.seed"}.get(
        options.MODE.value, "draw.seed"
    )
    for name, value in (
        ("run.epochs", options.EPOCHS.value),
        (seed_of, options.SEED.value),
        ("mnist.data_dir", options.DATA_DIR.value),
    ):
        if value is not None:
            found.append(f"{name} = {value!r}")
    return found


def experiment_of(gin):
    """What a config is for: the last of these that it binds a model of."""
    for name in ("finetune", "train_jointly", "pretrain"):
        if "model" in gin.get_bindings(name, resolve_references=False):
            return name
    return "run"


def seed(gin):
    """The macro `seed` of the config, which `--seed` sets too."""
    seed = gin.get_bindings("seed/gin.macro").get("value")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(
            "the config must bind `seed` to an integer of 0 or more, as "
            f"base.gin does. Received: seed={seed!r}"
        )
    return seed


def describe(gin):
    """All settings that training uses, and those of the evaluation."""
    later = gin.get_bindings("evaluate", resolve_references=False)
    lines = (f"\nevaluate.{name} = {value!r}" for name, value in later.items())
    return gin.operative_config_str() + "".join(lines)


def check_name(gin, name):
    """Refuses a binding that the config and the things it names do not have.

    gin itself finds neither an unknown macro nor what a class of Keras takes as
    `**kwargs`, of which that class would complain when training begins.
    """
    owner, dot, argument = name.rpartition(".")
    if not dot:
        if not gin.get_bindings(f"{name}/gin.macro"):
            raise ValueError(f"the config has no macro {name!r}")
        return
    thing = gin.get_configurable(owner)
    known = set()
    for part in inspect.getmro(thing) if isinstance(thing, type) else ():
        if "__init__" in vars(part):
            known |= inspect.signature(part.__init__).parameters.keys()
    if known and argument not in known - {"self", "args", "kwargs"}:
        raise ValueError(f"{owner} has no argument {argument!r}")
