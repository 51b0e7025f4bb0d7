"""Programs with their inputs and their results on the CPU, as a folder.

`export.py` writes the folder, `run.py` and `counts.py` read it. NumPy is all
that this module needs. The folder has

- `manifest.json`: a list of programs, each with its counts, the specifications
  of its inputs, and what to compare;
- `NAME.mlir.gz`: the program in StableHLO, as text;
- `NAME.npz`: the arrays that the specifications name.

An array is stored as little as possible: as the one value that all its entries
have, as bits where they are 0 and 1, or as the seed that it is drawn from. A
digest says whether another version of NumPy draws the same.
"""

import gzip
import hashlib
import json
import pathlib

import numpy as np

# Entries that are stored of an array that is compared by a part of it.
_ENTRIES = 2**15
MANIFEST = "manifest.json"


def normal(seed, shape, scale=1.0, shift=0.0):
    """The specification of normal draws, float32."""
    return {
        "kind": "normal",
        "seed": seed,
        "shape": list(shape),
        "scale": scale,
        "shift": shift,
    }


def bernoulli(seed, shape, p):
    """The specification of draws of 0 and 1, float32."""
    return {"kind": "bernoulli", "seed": seed, "shape": list(shape), "p": p}


def drawn(recipe):
    """The array of a specification by `normal` or `bernoulli`."""
    rng = np.random.default_rng(recipe["seed"])
    if recipe["kind"] == "normal":
        x = rng.standard_normal(recipe["shape"], dtype=np.float32)
        return np.float32(recipe["scale"]) * x + np.float32(recipe["shift"])
    u = rng.random(recipe["shape"], dtype=np.float32)
    return (u < np.float32(recipe["p"])).astype(np.float32)


def digest(x):
    """The SHA-256 sum of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()


def encoded(x, name, arrays, recipes=()):
    """Stores an array in the smallest way.

    Args:
        x: Array.
        name: Its name among the arrays.
        arrays: Dict of the arrays of a program's file, which may grow.
        recipes: Specifications by `normal` or `bernoulli` that it may be of.

    Returns:
        The specification of the array, for `decoded`.
    """
    x = np.asarray(x)
    spec = {"shape": list(x.shape), "dtype": x.dtype.name, "digest": digest(x)}
    first = x.ravel()[0]
    if np.all(x == first):
        return {**spec, "kind": "constant", "value": first.item()}
    for recipe in recipes:
        if recipe["shape"] == spec["shape"] and np.array_equal(
            drawn(recipe), x
        ):
            return {**spec, **recipe}
    if np.all((x == 0) | (x == 1)):
        arrays[name] = np.packbits(x.astype(bool).ravel())
        return {**spec, "kind": "bits", "array": name}
    arrays[name] = x
    return {**spec, "kind": "raw", "array": name}


def decoded(spec, arrays):
    """Returns the array of a specification.

    Args:
        spec: What `encoded` returned.
        arrays: The arrays of the program's file.

    Raises:
        ValueError: If the array is not the one that was stored.
    """
    shape, kind = spec["shape"], spec["kind"]
    if kind == "constant":
        x = np.full(shape, spec["value"])
    elif kind == "raw":
        x = arrays[spec["array"]]
    elif kind == "bits":
        size = int(np.prod(shape))
        x = np.unpackbits(arrays[spec["array"]], count=size).reshape(shape)
    else:
        x = drawn(spec)
    x = np.asarray(x, spec["dtype"])
    if digest(x) != spec["digest"]:
        raise ValueError(
            f"NumPy {np.__version__} does not draw the inputs that the "
            "programs were exported with: run export.py with this version. "
            f"Received: {spec}"
        )
    return x


def part(x):
    """Some evenly spaced entries of an array, by which it is compared."""
    flat = np.asarray(x).ravel()
    return flat[:: max(1, flat.size // _ENTRIES)]


def moments(x):
    """Mean and variance of each column, as float32, `(2, columns)`."""
    x = np.asarray(x, np.float64)
    return np.float32([x.mean(axis=0), x.var(axis=0)])


def write(folder, programs):
    """Writes programs.

    Args:
        folder: Path of the folder, which is made.
        programs: Iterable of `(entry of the manifest, text, arrays)`.

    Returns:
        Number of bytes of all files.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for entry, text, arrays in programs:
        name = entry["name"]
        entries.append(entry)
        with gzip.open(folder / f"{name}.mlir.gz", "wt") as file:
            file.write(text)
        np.savez_compressed(folder / f"{name}.npz", **arrays)
        (folder / MANIFEST).write_text(json.dumps(entries, indent=1) + "\n")
    return sum(path.stat().st_size for path in folder.iterdir())


def entries(folder):
    """The list of programs in a folder that `write` has made."""
    path = pathlib.Path(folder) / MANIFEST
    if not path.exists():
        raise ValueError(
            "`folder` must hold programs: make it with "
            f"`python benchmarks/gpu/export.py {folder}`. Received: "
            f"folder={str(folder)!r}"
        )
    return json.loads(path.read_text())


def text(folder, entry):
    """The StableHLO text of a program."""
    path = pathlib.Path(folder) / f"{entry['name']}.mlir.gz"
    with gzip.open(path, "rt") as file:
        return file.read()


def arrays(folder, entry):
    """The arrays of a program's file, a dict."""
    with np.load(pathlib.Path(folder) / f"{entry['name']}.npz") as file:
        return dict(file)
