"""A program of `export.py` as a function of JAX, and counts of its kernels."""

import collections
import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import store
from jax import export
from jax.extend import mlir
from jax.extend.mlir.dialects import stablehlo

# The log-weights are added up in float64.
jax.config.update("jax_enable_x64", True)

_TYPES = {
    "f64": "float64",
    "f32": "float32",
    "i64": "int64",
    "i32": "int32",
    "ui32": "uint32",
    "ui64": "uint64",
    "i1": "bool",
}
# Instructions that start no kernel.
_FREE = {
    "parameter",
    "constant",
    "tuple",
    "get-tuple-element",
    "bitcast",
    "while",
    "conditional",
    "call",
}


def function(text, platform):
    """Returns a program as a function that JAX compiles.

    JAX exports a function of the same types, whose body the program replaces:
    all of this is in JAX's public interface.

    Args:
        text: StableHLO, as text.
        platform: `"cpu"` or `"cuda"`.

    Returns:
        Tuple of the function, which takes the inputs and returns a tuple of
        outputs, and of the `jax.ShapeDtypeStruct`s of the inputs.
    """
    inputs, outputs = signature(text)
    specs = [jax.ShapeDtypeStruct(*x) for x in inputs]
    made = export.export(
        jax.jit(lambda *_: tuple(jnp.zeros(*x) for x in outputs)),
        platforms=[platform],
    )(*specs)
    version = stablehlo.get_minimum_version()
    made = dataclasses.replace(
        made,
        mlir_module_serialized=mlir.serialize_portable_artifact(text, version),
        module_kept_var_idx=tuple(range(len(specs))),
    )
    return jax.jit(made.call), specs


def signature(text):
    """Shapes and dtypes of the inputs and of the outputs of a program."""
    main = text[text.index("func.func @main(") :]
    head = main[: main.index("{\n")]
    inputs, _, outputs = head.partition(" -> ")
    return tuple(
        [_shape_and_dtype(x) for x in re.findall(r"tensor<([^>]*)>", part)]
        for part in (inputs, outputs)
    )


def _shape_and_dtype(name):
    *shape, dtype = name.split("x")
    return tuple(map(int, shape)), np.dtype(_TYPES[dtype])


def with_precision(text, precision):
    """The program with all matrix products in a precision.

    Args:
        text: StableHLO, as text.
        precision: `"default"`, which is TF32 on an NVIDIA GPU and float32 on
            a CPU, or `"float32"`.
    """
    if precision == "default":
        return text
    before, after = ("[" + ", ".join([x] * 2) + "]" for x in _PRECISIONS)
    return text.replace(f"precision = {before}", f"precision = {after}")


_PRECISIONS = "DEFAULT", "HIGHEST"


def kernels(hlo):
    """Counts the kernels that a compiled program starts, by loop.

    Args:
        hlo: The optimized HLO, as text: `compiled.as_text()`.

    Returns:
        Dict of the name of each loop's body, and `"entry"` for what is outside
        of loops, and dicts of kinds of kernels and numbers. A fusion is one
        kernel, and so is a product of matrices. The condition of a loop counts
        with its body.
    """
    computations = re.findall(
        r"^(ENTRY )?%?([\w.-]+) \(.*?\{\n(.*?)^\}", hlo, re.M | re.S
    )
    bodies = {name: body for _, name, body in computations}
    parts = {"entry": [body for entry, _, body in computations if entry]}
    for condition, body in re.findall(
        r"condition=%?([\w.-]+), body=%?([\w.-]+)", hlo
    ):
        parts[body] = [bodies[body], bodies.get(condition, "")]
    found = {}
    for name, texts in parts.items():
        kinds = re.findall(
            r"^ +(?:ROOT )?%?[\w.-]+ = .*?[\])}] ([a-z][\w-]*)\(",
            "".join(texts),
            re.M,
        )
        found[name] = dict(
            collections.Counter(x for x in kinds if x not in _FREE)
        )
    return found


def inputs(folder, entry):
    """The inputs of a program, arrays on this computer, and its arrays."""
    arrays = store.arrays(folder, entry)
    found = [store.decoded(x, arrays) for x in entry["inputs"]]
    return found, arrays
