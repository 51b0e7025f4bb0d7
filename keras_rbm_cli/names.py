"""The names that .gin files can bind, and checks of bindings.

The names and arguments are read from the sources with `ast`. An error in a flag
is therefore reported within a second, without importing TensorFlow, and there
is no list of names that could become outdated.
"""

import ast
import difflib
import functools
import hashlib
import importlib.util
import pathlib
import re
from typing import NamedTuple

from keras_rbm_cli.errors import UserError
from keras_rbm_cli.folders import CONFIGS

#: Functions and classes with names for .gin files, by module.
THINGS = {
    "keras_rbm.experiment": (
        "run",
        "pretrain",
        "finetune",
        "train_jointly",
        "train_ratings",
        "linear_decay",
        "hold_then_linear_decay",
    ),
    "keras_rbm.networks": ("layer_seed",),
    "keras_rbm.evaluation": ("evaluate", "evaluate_ratings", "rating_errors"),
    "keras_rbm.figures": (
        "draw",
        "Restoration",
        "Dreams",
        "Animation",
        "Inpainting",
    ),
    "keras_rbm.sequences": ("family", "FamilyFigures"),
    # A deprecated function, for configs that were written for its class.
    "keras_rbm": ("TemperedChain",),
    "keras_rbm.data": (
        "mnist",
        "movielens",
        "ratings",
        "digits",
        "bars_and_stripes",
        "arrays",
        "images",
        "categorical",
        "counts",
        "whitened",
        # Kinds of columns, for `table.schema`.
        "Binary",
        "Category",
        "Count",
        "Dropped",
        "Logarithm",
        "Positive",
        "Quantiles",
        "Real",
    ),
    "keras_rbm_cli.tables": ("table", "visible_units"),
}
#: Modules whose public classes all have names for .gin files.
MODULES = (
    "keras_rbm",
    "keras.optimizers",
    "keras.optimizers.schedules",
    "keras.initializers",
    "keras.regularizers",
    "keras.constraints",
)
_TYPES = {"int": int, "float": float, "str": str, "bool": bool}
_BINDING = re.compile(r"\s*([A-Za-z_][\w./]*)\s*=(?!=)(.*)", re.DOTALL)
_REFERENCE = re.compile(r"@[\w./]+(\(\))?|%[\w./]+")


class Arguments(NamedTuple):
    """The arguments of a function or of a class's constructor.

    Attributes:
        types: The annotation of each argument as text, or `""`.
        complete: Whether there are no further arguments.
    """

    types: dict[str, str]
    complete: bool = True


def check_flags(config, options):
    """Checks the bindings of --set and --sweep, before any file is written.

    Args:
        config: Path of the config, for its macros.
        options: The module of flags.

    Raises:
        UserError: If a name is unknown, or if a value is invalid or has the
            wrong type.
    """
    macros, imports = _macros(pathlib.Path(config))
    for flag, words, read in (
        ("--set", options.SET.value, check_value),
        ("--sweep", options.SWEEP.value, None),
    ):
        for word in words:
            found = _BINDING.fullmatch(word)
            if found is None and read is None:
                continue  # `sweep.axes` reports the error.
            if found is None:
                raise UserError(
                    f'{flag} wants a binding such as "RBM.hidden=250". '
                    f"Received: {word!r}"
                )
            name, text = found.groups()
            wanted = check_name(flag, name, macros, imports)
            if read is not None:
                read(flag, name, text.strip(), wanted)


def check_name(flag, name, macros=(), imports=False):
    """Checks that a binding names an argument, or a macro.

    Args:
        flag: The flag, for errors.
        name: Name such as `RBM.hidden`, or of a macro.
        macros: Names of the existing macros.
        imports: Whether the config imports modules, whose names are not known.

    Returns:
        The type of the argument as text, or `""`.

    Raises:
        UserError: If there is no such argument or macro.
    """
    owner, dot, argument = name.rpartition("/")[2].rpartition(".")
    owner = owner.rpartition(".")[2]
    if not dot:
        if name in macros or imports:
            return ""
        raise UserError(
            f"{flag}: the config has no macro {name!r}"
            f"{_nearest(name, macros)}. A binding names an argument, such as "
            "RBM.hidden=250"
        )
    found = known().get(owner)
    if found is None:
        if imports or (argument == "value" and owner in macros):
            return ""
        matches = difflib.get_close_matches(owner, known(), 1)
        better = f"{matches[0]}.{argument}" if matches else ""
        raise UserError(
            f"{flag} {name}: there is no {owner!r}"
            f"{f'; did you mean {better}?' if better else ''}"
        )
    if argument not in found.types:
        if not found.complete:
            return ""
        nearest = _nearest(argument, found.types, f"{owner}.")
        raise UserError(
            f"{flag}: {owner} has no argument {argument!r}"
            f"{nearest or '; it has ' + ', '.join(found.types)}"
        )
    return found.types[argument]


def check_value(flag, name, text, wanted):
    """Checks that a text is a value of the wanted type.

    Args:
        flag: The flag, for errors.
        name: Name of the binding.
        text: The value, as gin reads it: a Python literal, which may hold
            references such as `@RBM()` and `%seed`.
        wanted: The type of the argument as text, or `""`.

    Raises:
        UserError: If the text is not a value, or has another type.
    """
    of = f", of type {wanted}" if wanted else ""
    try:
        value = ast.literal_eval(_REFERENCE.sub("None", text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        hint = ""
        if re.fullmatch(r"[A-Za-z_][\w./-]*", text):
            hint = f"; text needs quotes: {name}='\"{text}\"'"
            near = difflib.get_close_matches(text, known(), 1)
            if near:
                hint += f", a class or function an @: {name}=@{near[0]}"
        raise UserError(
            f"{flag} {name} wants a Python literal{of}{hint}. Received: "
            f"{text!r}"
        ) from None
    parts = {part.strip() for part in wanted.split("|")}
    if _REFERENCE.search(text) or not parts <= {*_TYPES, "None"}:
        return
    types = [_TYPES[part] for part in parts if part != "None"]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # A whole number may be written with a decimal point; `run` checks it later.
    fits = (
        (value is None and "None" in parts)
        or (number and {int, float} & {*types})
        or type(value) in types
    )
    if not fits:
        raise UserError(f"{flag} {name} wants a value{of}. Received: {text}")


def imports_modules(config):
    """Whether a config, or one that it includes, imports Python modules.

    Args:
        config: Path of the config.
    """
    return _macros(pathlib.Path(config))[1]


def digest(config):
    """The SHA-256 sum of a config and of all configs that it includes.

    Args:
        config: Path of the config.
    """
    # A copy of an included config, in the current folder, changes nothing.
    sums = {
        hashlib.sha256(text.encode()).hexdigest()
        for text in _texts(pathlib.Path(config))
    }
    return hashlib.sha256("".join(sorted(sums)).encode()).hexdigest()


@functools.cache
def known():
    """The `Arguments` of everything that has a name for .gin files."""
    found = {}
    for module in MODULES:
        for name, (home, own) in _imported(module).items():
            node = _definition(home, own)
            if isinstance(node[1], ast.ClassDef) and name == own:
                found[name] = _arguments(*node)
    for module, names in THINGS.items():
        for name in names:
            found[name] = _arguments(*_definition(module, name))
    return found


def _nearest(name, names, prefix=""):
    matches = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {prefix}{matches[0]}?" if matches else ""


def _texts(config):
    """Yields the text of a config, and of all configs that it includes."""
    left, seen = [config], set()
    while left:
        path = left.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue  # Reading the config later reports the error.
        yield text
        for name in re.findall(r"^include\s+['\"](.+?)['\"]", text, re.M):
            left += [pathlib.Path(name), CONFIGS / name]


def _macros(config):
    """The macros of a config and its includes, and whether it imports."""
    macros, imports = set(), False
    for text in _texts(config):
        macros |= set(re.findall(r"^([A-Za-z_]\w*)\s*=", text, re.MULTILINE))
        # In an operative config, macros are bound by their long name.
        macros |= set(re.findall(r"^([A-Za-z_]\w*)/macro\.value", text, re.M))
        imports |= bool(re.search(r"^(import|from)\s", text, re.MULTILINE))
    return macros, imports


@functools.cache
def _file(module):
    """Path of a module's source, without importing it, or `None`."""
    first, *parts = module.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        return None
    folder = pathlib.Path(spec.origin).parent
    if not parts:
        return pathlib.Path(spec.origin)
    path = folder.joinpath(*parts)
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


@functools.cache
def _tree(module):
    path = _file(module)
    if path is None:
        return ast.Module([], [])
    return ast.parse(path.read_text("utf-8"))


@functools.cache
def _imported(module):
    """The imports of a module: `{name: (module, name in that module)}`."""
    found = {}
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                if alias.name == "*":
                    others = _imported(node.module)
                    found |= {name: (node.module, name) for name in others}
                    continue
                name = alias.asname or alias.name
                found[name] = (node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                own = alias.asname or alias.name.partition(".")[0]
                found[own] = (alias.name if alias.asname else own, "")
    return found


def _definition(module, name):
    """The module and the node that define a name; `None` if unknown."""
    for _ in range(10):  # The most re-exports to follow.
        for node in _tree(module).body:
            if getattr(node, "name", None) == name:
                return module, node
        if name not in _imported(module):
            return module, None
        module, name = _imported(module)[name]
    return module, None


def _base(module, node):
    """Where the base of a class is defined."""
    if isinstance(node, ast.Name):
        return _definition(module, node.id)
    first, _, rest = ast.unparse(node).partition(".")
    home, own = _imported(module).get(first, ("", ""))
    if not home or not rest:
        return module, None
    inner, _, name = rest.rpartition(".")
    return _definition(".".join(filter(None, (home, own, inner))), name)


def _arguments(module, node):
    """The `Arguments` of a definition, including its base classes."""
    if isinstance(node, ast.FunctionDef):
        return _of_function(node)
    if not isinstance(node, ast.ClassDef):
        return Arguments({}, False)
    types, complete = {}, True
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            own = _of_function(part)
            types |= own.types
            if own.complete:
                return Arguments(types)
        elif isinstance(part, ast.AnnAssign) and _is_dataclass(node):
            types[part.target.id] = ast.unparse(part.annotation)
    for base in node.bases:
        if isinstance(base, ast.Subscript) or ast.unparse(base) in (
            "object",
            "abc.ABC",
            "ABC",
        ):
            continue
        parent = _base(module, base)
        # A dataclass has the fields of the dataclasses above it, and no others.
        if _is_dataclass(node) and not _is_dataclass(parent[1]):
            continue
        above = _arguments(*parent)
        types = above.types | types
        complete &= above.complete
    return Arguments(types, complete)


def _is_dataclass(node):
    decorators = getattr(node, "decorator_list", [])
    return any("dataclass" in ast.unparse(d) for d in decorators)


def _of_function(node):
    """The arguments of a function; incomplete if it takes `**kwargs`."""
    known = node.args
    types = {
        argument.arg: ast.unparse(argument.annotation)
        if argument.annotation
        else ""
        for argument in (*known.posonlyargs, *known.args, *known.kwonlyargs)
    }
    types.pop("self", None)
    return Arguments(types, known.kwarg is None)
