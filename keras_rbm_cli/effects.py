"""Which settings have an effect on a run, as far as its config tells."""

import collections

from keras_rbm_cli import names

_MACRO = "gin.macro"
# Arguments that the command passes, and where their values come from.
_TO_EXPERIMENT = dict.fromkeys(("output", "describe", "resume"), "the flags")
_TO_RESULTS = dict.fromkeys(("model", "output", "about"), "the run")


def check(gin, config, bound, experiment, training=True, data=None):
    """Refuses settings that have no effect.

    A setting has an effect if the run calls what it belongs to, which can be a
    reference in the value of another binding, and if the call takes its value.
    A narrower scope comes first, such as `layer_1/RBM.hidden` before
    `RBM.hidden`, and so does an argument that the caller passes, as `run` does
    with the `learning_rate` of its `optimizer`. If the config imports modules,
    nothing is refused, because their code can call anything.

    Args:
        gin: The module, which has read the config.
        config: Path of the config.
        bound: Names of settings, such as `RBM.hidden` or the macro `seed`.
        experiment: Name of the function that trains.
        training: Whether the command trains. If not, some arguments of `run`
            count for `evaluate` and `draw`.
        data: Value of --data, or `None`.

    Raises:
        ValueError: If a setting has no effect. The message says which one to
            use instead, if there is one.
    """
    if names.imports_modules(config):
        return
    taken, passed = _values(gin, experiment, training)
    for name in bound:
        scope, _, rest = name.rpartition("/")
        owner, dot, argument = rest.rpartition(".")
        if not dot:
            scope, owner, argument = name, _MACRO, "value"
        elif owner == "Gaussian" and data is not None:
            continue  # Real values of --data bring such units.
        key = gin.get_configurable(owner), argument
        if scope not in taken[key]:
            others = taken[key] if dot else ()  # No macro replaces another.
            used = [f"{other}/{rest}".lstrip("/") for other in others]
            if not used and key in passed:
                used = [passed[key]]
            reason = _reason(config, name, sorted(used))
            raise ValueError(f"{name} has no effect: {reason}")


def bindings(gin, functions):
    """All bindings that calls of some functions use, also by references.

    Args:
        gin: The module, which has read the config.
        functions: Names of the functions, each with its scope if it has one.

    Returns:
        Dictionary of the values by name, such as `layer_1/RBM.hidden`, or
        `seed` for a macro.
    """
    waiting = []
    for function in functions:
        scope, _, name = function.rpartition("/")
        waiting.append((name, scope, {}))
    return {
        f"{scope}/{name}.{argument}".lstrip("/") if name != _MACRO else scope: x
        for name, scope, argument, x in _used(gin, waiting)
    }


def _reason(config, name, used):
    """Why a setting has no effect, and what to do.

    Args:
        config: Path of the config.
        name: Name of the setting.
        used: Names of what the run uses in place of it.
    """
    if used:
        *some, last = used
        used = f"{', '.join(some)} and {last}" if some else last
        return f"its value comes from {used} instead"
    owner, dot, _ = name.rpartition(".")
    reference = f"@{owner}" if dot else f"%{name}"
    return (
        f"a run of {config.name} does not use {reference}. Remove the setting, "
        f"or set an argument that it uses to {reference}"
    )


def _values(gin, experiment, training):
    """Which bindings a run takes its values from.

    Returns:
        Tuple of two dictionaries, whose keys are pairs of a configurable and
        the name of an argument: the set of all scopes of the bindings that
        count, and where the value comes from if a caller passes it.
    """
    taken, passed = collections.defaultdict(set), {}
    taken[gin.get_configurable(_MACRO), "value"].add("seed")
    waiting = [
        (experiment, "", _TO_EXPERIMENT),
        *((name, "", _TO_RESULTS) for name in ("evaluate", "draw")),
    ]
    if not training:
        waiting.append(("run", "", {}))
    for name, scope, argument, _ in _used(gin, waiting, training, passed):
        taken[gin.get_configurable(name), argument].add(scope)
    return taken, passed


def _used(gin, waiting, training=False, passed=None):
    """Yields the bindings that some calls use, directly or by references.

    Args:
        gin: The module, which has read the config.
        waiting: List of the calls, which this function empties. Each call is a
            tuple of a name, its scope, and a dictionary of the arguments that
            the caller passes, which says where each value comes from.
        training: Whether callers pass arguments to what they call.
        passed: Dictionary to which those arguments are added, by pairs of a
            configurable and a name; `None` to discard them.

    Yields:
        Tuples of the name, the scope of the binding, the argument and its
        value.
    """
    passed = {} if passed is None else passed
    done = set()
    while waiting:
        name, scope, own = waiting.pop(0)
        thing = gin.get_configurable(name)
        if (thing, scope, *own.items()) in done:
            continue
        done.add((thing, scope, *own.items()))
        if name == _MACRO:
            yield name, scope, "value", _value_of(gin, scope)
            continue
        bound = _bindings(gin, name, scope)
        for argument, instead in own.items():
            passed.setdefault((thing, argument), instead)
        for argument, (value, outer) in bound.items():
            if argument in own:
                continue
            yield name, outer, argument, value
            for called, inner in _calls(gin, value, scope):
                given = _given(gin, name, argument, bound, called)
                waiting.append((called, inner, given if training else {}))


def _given(gin, caller, argument, bound, called):
    """The arguments that a caller passes to the value of its own argument.

    Returns:
        Dictionary with the names of the arguments, and where the value of each
        comes from.
    """
    if called in ("run", "pretrain"):
        model = {name: f"{caller}.{name}" for name in ("model", "data")}
        return model | _TO_EXPERIMENT
    if caller == "train_ratings" and argument == "model":
        return dict.fromkeys(("num_items", "values", "num_users"), "the data")
    if caller == "train_ratings" and argument == "evaluation":
        return dict.fromkeys(("model", "train", "held_out"), "the run")
    if argument == "evaluation":
        data = {name: f"{caller}.{name}" for name in ("data", "binarize")}
        return data | dict.fromkeys(("model", "output"), "the run")
    rate, _ = bound.get("learning_rate", ("the default", None))
    if _is_macro(gin, rate):
        rate = _value_of(gin, "/".join(rate.scopes))
    if argument == "optimizer" and rate is not None:
        return {"learning_rate": f"{caller}.learning_rate"}
    # The run calls a reference without parentheses, and passes the length. With
    # parentheses, gin calls the function, and passes only its bindings.
    if argument == "learning_rate" and not getattr(rate, "evaluate", True):
        return {"num_updates": "the length of the run"}
    return {}


def _bindings(gin, name, scope):
    """The bindings for a call in a scope: by argument, a value and a scope."""
    found, parts = {}, [part for part in scope.split("/") if part]
    for end in range(len(parts) + 1):
        outer = "/".join(parts[:end])
        values = gin.get_bindings(
            f"{outer}/{name}".lstrip("/"),
            resolve_references=False,
            inherit_scopes=False,
        )
        found |= {
            argument: (value, outer) for argument, value in values.items()
        }
    return found


def _calls(gin, value, scope, inside=None):
    """What a call in a scope calls by a value: names, each with its scope.

    gin calls a reference with parentheses in a macro in the scope of the macro,
    `inside`.
    """
    for reference in _leaves(value):
        if not isinstance(reference, gin.config.ConfigurableReference):
            continue
        own = "/".join(reference.scopes)
        if _is_macro(gin, reference):
            yield _MACRO, own
            yield from _calls(gin, _value_of(gin, own), scope, own)
        elif reference.evaluate and inside is not None:
            yield reference.selector, own or inside
        else:
            yield reference.selector, own or scope


def _is_macro(gin, value):
    is_reference = isinstance(value, gin.config.ConfigurableReference)
    return is_reference and value.selector == _MACRO


def _value_of(gin, macro):
    """The value of a macro, by its name."""
    found = gin.get_bindings(f"{macro}/{_MACRO}", resolve_references=False)
    return found.get("value")


def _leaves(values):
    """The values in dictionaries, lists and tuples, however deep."""
    if isinstance(values, dict):
        values = values.values()
    elif not isinstance(values, list | tuple):
        yield values
        return
    for value in values:
        yield from _leaves(value)
