"""Reads gin configs, and registers the names that they can use.

No other module imports gin.
"""

import contextlib
import functools
import gc
import importlib
import inspect
import os
import re
import sys

from absl import logging as absl_logging

from keras_rbm_cli import effects, folders, names, options, screen
from keras_rbm_cli.errors import UserError
from keras_rbm_cli.folders import CONFIGS

#: What to do if a library is missing.
INSTALL = (
    'install the package with TensorFlow: pip install "keras_rbm[cpu]", or '
    '"keras_rbm[gpu]"'
)


@contextlib.contextmanager
def _without_collector():
    """Switches garbage collection off while the libraries are imported.

    Otherwise the collector scans the imported objects again and again, which
    takes about two seconds. They stay, so later collections skip them.
    """
    if not gc.isenabled() or "tensorflow" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def libraries(log, strategy="none"):
    """Imports the slow libraries, and registers the names for .gin files.

    Args:
        log: Path of the log, which receives TensorFlow's output.
        strategy: Value of `--strategy`.

    Returns:
        Tuple of the modules `gin` and `keras`.

    Raises:
        UserError: If this machine has no such strategy, or lacks a library.
    """
    absl_logging.set_verbosity(absl_logging.FATAL)  # gin reports file look-ups
    screen.log_to(log)
    with screen.quiet(log):
        try:
            with _without_collector():
                import gin
                import keras

                from keras_rbm import devices
        except ImportError as error:
            is_missing = isinstance(error, ModuleNotFoundError)
            remedy = f": {INSTALL}" if is_missing else ""
            raise UserError(f"{error}{remedy}") from error
        try:  # Before any other use of TensorFlow.
            strategy = devices.strategy(strategy)
        except (ValueError, RuntimeError) as error:
            raise UserError(f"--strategy: {error}") from error
    register(gin, keras, strategy)
    return gin, keras


def clear():
    """Clears the config of a run, and Keras's state of its models.

    Names of layers are counted from the start again, and the memory of the
    models is freed.
    """
    import gin
    import keras

    gin.clear_config()
    keras.utils.clear_session()


def has_replicas(strategy):
    """Whether a strategy has several replicas.

    Args:
        strategy: Value of `--strategy`.
    """
    import tensorflow as tf

    several = len(tf.config.list_physical_devices("GPU")) > 1
    return strategy != "none" and (strategy != "auto" or several)


@functools.cache
def register(gin, keras, strategy=None):
    """Registers the names for .gin files from outside the package.

    gin's decorator would break the construction of Keras's classes. Calling
    this again with the same arguments changes nothing.
    """
    things = []
    for module in names.MODULES:
        things += _classes(importlib.import_module(module))
    for module, own in names.THINGS.items():
        module = importlib.import_module(module)
        things += [getattr(module, name) for name in own]
    for thing in things:
        if isinstance(thing, type) and issubclass(thing, keras.Model):
            thing = _in_scope(strategy, thing)
        gin.external_configurable(thing)


def _in_scope(strategy, model):
    """The class of a model, or a function that calls it within a strategy."""
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
    # Base classes that Python does not recognize as abstract.
    for_subclassing = {
        "Chain",
        "Constraint",
        "Initializer",
        "LearningRateSchedule",
        "Optimizer",
        "Regularizer",
    }
    return [
        thing
        for name, thing in sorted(vars(module).items())
        if isinstance(thing, type)
        and name == thing.__name__
        and name not in for_subclassing
        and not inspect.isabstract(thing)
    ]


def read(gin, config, bindings, data=None, schema=None):
    """Reads a .gin file, then the binding of --data, then other bindings.

    If the config uses a `table` and does not bind `RBM.visible`, the visible
    units come from its schema.

    Args:
        gin: The module.
        config: Path of the config.
        bindings: Lines of a .gin file.
        data: Value of --data, or `None`.
        schema: Path of the schema of a run that has begun. If this file exists,
            a table is read by it.

    Raises:
        UserError: If --data is given, but the config is for a network.
    """
    gin.add_config_file_search_path(str(CONFIGS))
    gin.parse_config_files_and_bindings(
        [str(config)], [], finalize_config=False
    )
    gin.parse_config(bindings)
    if data is not None and (name := experiment_of(gin)) != "run":
        raise UserError(
            f"--data is for configs that train one RBM; {config} trains by "
            f"`{name}`. Bind its data instead, such as --set "
            f"'{name}.data=@arrays()' --set 'arrays.path=\"{data}\"'"
        )
    gin.parse_config([*_data_bindings(gin, data), *bindings])
    if takes_table(gin):
        if schema is not None and schema.is_file():
            _check_kinds_are_left(bindings, schema)
            gin.bind_parameter("table.schema", str(schema))
        if "visible" not in gin.get_bindings("RBM", resolve_references=False):
            gin.parse_config(
                [
                    "RBM.visible = @visible_units()",
                    "visible_units.data = @table()",
                ]
            )
    gin.finalize()


def _check_kinds_are_left(bindings, schema):
    """Refuses settings of columns whose kinds an earlier run has chosen."""
    for name in names_bound(bindings):
        if re.search(r"\btable\.(schema|heavy_tails|missing)$", name):
            raise UserError(
                f"{name} has no effect on a run that has begun: the kinds of "
                f"its columns are in {schema}. Remove the setting, or start "
                "another run"
            )


def takes_table(gin):
    """Whether a config that has been read trains on a `table`."""
    data = gin.get_bindings("run", resolve_references=False).get("data")
    return bool(re.fullmatch(r"@(?:[\w.]+[./])?table\(\)", repr(data)))


def infers_schema(gin):
    """Whether `table` infers all columns, by the config that gin has read."""
    given = gin.get_bindings("table", resolve_references=False).get("schema")
    return takes_table(gin) and given is None


def _data_bindings(gin, data):
    """The bindings of --data, with the reader for this config and file."""
    if data is None:
        return []
    path, reader = folders.own_data(data)
    if takes_table(gin):
        reader = "table"
    argument = "folder" if reader == "images" else "path"
    return [
        f"run.data = @{reader}()",
        f"{reader}.{argument} = {str(path)!r}",
    ]


def fit_to_data(gin):
    """Binds arguments that follow from the arrays of --data, unless bound.

    These are the visible units and, for grey values, the drawing of bits.
    (`read` binds the units of a table, from its schema.)

    Args:
        gin: The module, which has read the config and the flags.

    Returns:
        The `keras_rbm.data.Data` of --data or of a `table`; else `None`.

    Raises:
        UserError: If the data cannot be read.
    """
    if takes_table(gin):
        return gin.get_configurable("table")()
    name = options.DATA.value
    if name is None:
        return None
    from keras_rbm import data as data_lib

    _, reader = folders.own_data(name)
    try:
        found = gin.get_configurable(reader)()
    except (ValueError, OSError) as error:
        raise UserError(f"--data {name}: {error}") from error
    lines = []
    if "visible" not in gin.get_bindings("RBM", resolve_references=False):
        visible = found.visible
        kind = type(visible).__name__
        lines += [f"RBM.visible = @visible/{kind}()"]
        lines += [
            f"visible/{kind}.{key} = {value!r}"
            for key, value in visible.get_config().items()
            if kind != "Gaussian" or key == "size"
        ]
        if kind == "Bernoulli":
            lines = [f"RBM.visible = {visible.size}"]
    own = gin.get_bindings("run", resolve_references=False)
    if "binarize" not in own and data_lib.is_grey(found):
        lines += ['run.binarize = "stochastic"']
    with gin.unlock_config():
        gin.parse_config(lines)
    return found


def draws_bits(gin):
    """Whether a config that has been read draws bits for each batch."""
    own = gin.get_bindings("run", resolve_references=False)
    return own.get("binarize") == "stochastic"


def evaluates(gin):
    """Whether a config that has been read measures the trained model."""
    return _evaluation_of(gin) is not None


def _evaluation_of(gin):
    """Name of the function that measures a trained model, or `None`."""
    own = gin.get_bindings("run", resolve_references=False)
    found = own.get("evaluation")
    return None if found is None else repr(found).removeprefix("@")


def parse(gin, config, function, shared, output):
    """Reads the config of a run, for a function that is called afterwards.

    Args:
        gin: The module.
        config: Path of the config.
        function: Name of the function.
        shared: Set of arguments that take the value bound for `run` if the
            config does not bind them for the function.
        output: Path of the run's folder.

    Raises:
        ValueError: If the config has no data for the function, or if a flag
            does not fit.
    """
    schema = output / folders.SCHEMA
    read(gin, config, bindings(), options.DATA.value, schema)
    check_effects(gin, config, training=False)
    fit_to_data(gin)
    check_data_dir(gin, config, options.DATA_DIR.value)
    trained = gin.get_bindings("run", resolve_references=False)
    own = gin.get_bindings(function, resolve_references=False)
    with gin.unlock_config():
        for name in shared & trained.keys() - own.keys():
            gin.bind_parameter(f"{function}.{name}", trained[name])
    if "data" not in trained.keys() | own.keys():
        _refuse_without_data(gin, function, output)


def _refuse_without_data(gin, function, output):
    """Raises an error that says what to do with a run of another kind."""
    experiment = experiment_of(gin)
    if experiment == "train_ratings":
        raise ValueError(
            f"`{function}` is not for a run of ratings, whose measures are in "
            f"{output / 'ratings.json'}"
        )
    if re.fullmatch(r"layer-([2-9]|\d\d+)", output.name):
        raise ValueError(
            f"`{function}` is not for the upper layers of a network, which "
            "learn from states of the layer below: a run does not keep these "
            f"states. Take the first layer, {output.with_name('layer-1')}"
        )
    own = gin.get_bindings(experiment, resolve_references=False)
    data = repr(own["data"]) if "data" in own else "@digits()"
    raise ValueError(
        f"the config binds no data for `{function}`. Bind them, such as by "
        f"--set '{function}.data={data}'"
    )


def check_data_dir(gin, config, data_dir):
    """Refuses `--data_dir` if the config has no data that would use it.

    If the config imports modules, nothing is refused, because their code can
    read any files.

    Args:
        gin: The module, which has read the config.
        config: Path of the config.
        data_dir: Value of the flag, or `None`.

    Raises:
        ValueError: If it is given, but the config does not refer to `mnist` or
            `movielens`.
    """
    if data_dir is None or names.imports_modules(config):
        return
    used = re.search(r"@(?:[\w.]+[./])*(?:mnist|movielens)\b", gin.config_str())
    if not used:
        raise ValueError(
            "--data_dir must be left out: it says where `mnist` and "
            f"`movielens` find their files, and {config} takes other data. "
            "Bind their path, such as "
            "--set \"arrays.path = 'mine.npz'\". Received: --data_dir="
            f"{data_dir}"
        )


def bindings():
    """The bindings of the flags, as lines of a .gin file."""
    found, folder = list(options.SET.value), data_dir()
    # The seed of a run may be the seed of its data, which must not change.
    seed_of = {"train": "seed", "evaluate": "evaluate.seed"}.get(
        options.MODE.value, "draw.seed"
    )
    for name, value in (
        ("run.epochs", options.EPOCHS.value),
        ("train_ratings.epochs", options.EPOCHS.value),
        (seed_of, options.SEED.value),
        ("mnist.data_dir", folder),
        ("movielens.data_dir", folder),
    ):
        if value is not None:
            found.append(f"{name} = {value!r}")
    return found


def data_dir():
    """The value of --data_dir, valid in any folder, or `None`.

    A run can then be resumed from another folder.
    """
    found = options.DATA_DIR.value
    is_path = found is not None and "://" not in found  # `gs://` is a URL.
    return os.path.abspath(found) if is_path else found


def names_bound(lines):
    """The names in lines of a .gin file, such as `RBM.hidden=250`."""
    return [line.partition("=")[0].strip() for line in lines]


def check_effects(gin, config, training=True):
    """Refuses `--set` and `--epochs` where they have no effect.

    Args:
        gin: The module, which has read the config and the flags.
        config: Path of the config.
        training: Whether the command trains.

    Raises:
        ValueError: If one has none.
    """
    experiment, given = experiment_of(gin), names_bound(options.SET.value)
    if options.EPOCHS.value is not None and training:
        rated = experiment == "train_ratings"
        given.append(f"{experiment if rated else 'run'}.epochs")
    data = options.DATA.value
    effects.check(gin, config, given, experiment, training, data)


def experiment_of(gin):
    """Name of the function for which a config binds a model."""
    for name in ("finetune", "train_jointly", "train_ratings", "pretrain"):
        if "model" in gin.get_bindings(name, resolve_references=False):
            return name
    return "run"


def seed(gin):
    """The macro `seed` of the config, which `--seed` also sets."""
    seed = gin.get_bindings("seed/gin.macro").get("value")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(
            "the config must bind `seed` to an integer of 0 or more, as "
            f"base.gin does. Received: seed={seed!r}"
        )
    return seed


def restore_seed(gin):
    """Binds the macro `seed` to 0 if the config of a begun run lacks it.

    Earlier versions left the macro out of the operative config if nothing
    referred to it. Its value then changes nothing.
    """
    if not gin.get_bindings("seed/gin.macro"):
        with gin.unlock_config():
            gin.parse_config("seed = 0")


def describe(gin):
    """All settings of training, and of evaluations and figures later on.

    gin's operative config has only the bindings that training has used. This
    function adds those that later calls will use, and the macro `seed`, which
    the command needs even if nothing refers to it.
    """
    training = gin.operative_config_str()
    functions = dict.fromkeys(("evaluate", "draw", _evaluation_of(gin)))
    used = effects.bindings(gin, filter(None, functions))
    later = {"seed": seed(gin)} | used
    lines = (
        f"\n{name} = {value!r}"
        for name, value in later.items()
        if f"\n{name} = " not in f"\n{training}"
    )
    return training + "".join(lines)


def check_name(gin, name):
    """Refuses the name of an argument or of a macro that does not exist.

    gin itself accepts unknown macros, and any argument of a class or function
    with `**kwargs`, which would raise an error only when training begins.

    Args:
        gin: The module, which has read a config.
        name: Name of an argument, such as `RBM.hidden`, or of a macro.

    Raises:
        ValueError: If there is no such argument or macro.
    """
    owner, dot, argument = name.rpartition(".")
    if not dot:
        if not gin.get_bindings(f"{name}/gin.macro"):
            raise ValueError(f"the config has no macro {name!r}")
        return
    thing = gin.get_configurable(owner)
    functions = [thing]
    if isinstance(thing, type):
        parts = map(vars, inspect.getmro(thing))
        functions = [part["__init__"] for part in parts if "__init__" in part]
    known = set()
    for function in functions:
        known |= inspect.signature(function).parameters.keys()
    if argument not in known - {"self", "args", "kwargs"}:
        raise ValueError(f"{owner} has no argument {argument!r}")
