"""The public API is annotated, for type checkers and editors."""

import importlib
import inspect
import types
import typing

import pytest

PACKAGE = "keras_rbm"
MODULES = (
    PACKAGE,
    *(
        f"{PACKAGE}.{name}"
        for name in (
            "callbacks",
            "chains",
            "couplings",
            "data",
            "devices",
            "diagnostics",
            "evaluation",
            "experiment",
            "figures",
            "gibbs",
            "gradients",
            "likelihood",
            "low_rank",
            "machine",
            "models",
            "networks",
            "random",
            "samplers",
            "sequences",
            "sklearn",
            "tempering",
            "units",
        )
    ),
)


def own(thing):
    """Whether the package has defined it, and not what it builds on."""
    module = getattr(thing, "__module__", None) or ""
    return module.partition(".")[0] == PACKAGE


def public_names(module):
    """What users import from a module: `__all__`, else `a as a`."""
    names = getattr(module, "__all__", None) or vars(module)
    for name in names:
        thing = getattr(module, name)
        if not name.startswith("_") and own(thing):
            yield name, thing


def functions(name, thing):
    """A function, or the constructor and the public methods of a class."""
    if not isinstance(thing, type):
        yield name, thing
        return
    for kind in filter(own, thing.__mro__):
        for member, value in vars(kind).items():
            if isinstance(value, property):
                value = value.fget
            if isinstance(value, classmethod | staticmethod):
                value = value.__func__
            if member == "__init__" or not member.startswith("_"):
                yield f"{kind.__name__}.{member}", value


def unannotated(function):
    """Names of the arguments without a type; `return` for that."""
    signature = inspect.signature(function)
    given = list(signature.parameters.values())
    if given and given[0].name in ("self", "cls"):
        del given[0]
    for parameter in given:
        variadic = parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        )
        if parameter.annotation is parameter.empty and not variadic:
            yield parameter.name
    if (
        function.__name__ != "__init__"
        and signature.return_annotation is signature.empty
    ):
        yield "return"


def public_functions():
    for module in map(importlib.import_module, MODULES):
        for name, thing in public_names(module):
            for where, function in functions(name, thing):
                function = inspect.unwrap(function)
                if isinstance(function, types.FunctionType) and own(function):
                    yield where, function


def test_the_public_api_is_annotated():
    found = dict(public_functions())
    assert {"RBM.__init__", "MachineModel.metrics", "Trainer.fit"} <= set(found)
    assert {"MachineModel.sample", "batches", "Data.width"} <= set(found)
    missing = {
        where: names
        for where, function in found.items()
        if (names := list(unannotated(function)))
    }
    assert not missing


def test_annotations_name_what_there_is():
    for where, function in public_functions():
        try:
            typing.get_type_hints(function)
        except NameError as error:
            pytest.fail(f"{where}: {error}")


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("def f(v, seed: int) -> int: ...", ["v"]),
        ("def f(v: int): ...", ["return"]),
        ("def f(self, *args, n=1, **kwargs) -> int: ...", ["n"]),
        ("def __init__(self, n: int): ...", []),
        ("def __init__(self, n): ...", ["n"]),
    ],
)
def test_the_checker_finds(source, missing):
    scope = {}
    exec(source, scope)
    (function,) = (x for x in scope.values() if inspect.isfunction(x))
    assert list(unannotated(function)) == missing
