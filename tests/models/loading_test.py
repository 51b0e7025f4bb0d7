"""A damaged or malicious .keras file runs no code, and is no model."""

import io
import json
import os
import zipfile

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_rbm import RBM, PersistentChain
from tests.machines import states_of

PARTS = (
    "visible",
    "chain",
    "kernel_initializer",
    "kernel_regularizer",
    "kernel_constraint",
    "hidden_activity_regularizer",
)


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """The files in the archive of a model, by name."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    RBM(5, 4, PersistentChain(7), seed=0).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members, **others):
    """Writes an archive with some files in place of the model's own."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | others).items():
            if content is not None:
                archive.writestr(name, content)
    return path


def refused(path, sprung):
    with pytest.raises((ValueError, TypeError, KeyError)) as caught:
        keras.models.load_model(path)
    assert not sprung.exists()
    return str(caught.value)


def traps(target):
    """Configs that would make a folder, were they followed."""
    call = ["mkdir", str(target)]
    code = f"__import__('os').mkdir({str(target)!r})"
    return {
        "function": {"module": "os", "class_name": "mkdir", "config": call[1]},
        "arguments": {
            "module": "os",
            "class_name": "mkdir",
            "config": {"path": call[1]},
            "registered_name": "keras_rbm>RBM",
        },
        "by_name": {
            "module": "os",
            "class_name": "function",
            "config": "mkdir",
            "registered_name": "mkdir",
        },
        "process": {
            "module": "subprocess",
            "class_name": "Popen",
            "config": {"args": call},
            "registered_name": "keras_rbm>Bernoulli2",
        },
        "builtin": {
            "module": "builtins",
            "class_name": "eval",
            "config": {"source": code},
        },
        "lambda": {"class_name": "__lambda__", "config": {"value": code}},
    }


@pytest.mark.parametrize(
    "kind", [kind for kind in traps("") if kind != "arguments"]
)
@pytest.mark.parametrize("part", PARTS)
def test_a_config_runs_no_code(tmp_path, members, part, kind):
    config = json.loads(members["config.json"])
    config["config"][part] = traps(tmp_path / "sprung")[kind]
    path = write(
        tmp_path / "model.keras",
        members,
        **{"config.json": json.dumps(config)},
    )
    refused(path, tmp_path / "sprung")


@pytest.mark.parametrize("kind", traps(""))
def test_a_model_that_is_something_else_runs_no_code(tmp_path, members, kind):
    config = json.dumps(traps(tmp_path / "sprung")[kind])
    path = write(tmp_path / "model.keras", members, **{"config.json": config})
    refused(path, tmp_path / "sprung")


def test_a_lambda_layer_is_not_run(tmp_path, monkeypatch):
    sprung = tmp_path / "sprung"
    monkeypatch.setenv("SPRUNG", "")
    layer = keras.layers.Lambda(
        lambda x: (
            x,
            __import__("os").environ["SPRUNG"]
            and __import__("os").mkdir(__import__("os").environ["SPRUNG"]),
        )[0]
    )
    model = keras.Sequential([keras.Input((4,)), layer])
    model.save(tmp_path / "model.keras")
    monkeypatch.setenv("SPRUNG", str(sprung))
    assert "Lambda" in refused(tmp_path / "model.keras", sprung)
    model(np.zeros((1, 4)))  # It would have been.
    assert sprung.exists()


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_weights_are_not_unpickled(tmp_path, members):
    file = io.BytesIO()
    np.savez(file, kernel=np.array([Trap(tmp_path / "sprung")], dtype=object))
    path = write(
        tmp_path / "model.keras",
        members,
        **{"model.weights.h5": None, "model.weights.npz": file.getvalue()},
    )
    refused(path, tmp_path / "sprung")


@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    places=st.lists(st.floats(0, 0.999), min_size=1, max_size=3),
    mask=st.integers(1, 255),
    kept=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_a_damaged_file_is_no_other_model(
    tmp_path, members, places, mask, kept
):
    path = write(tmp_path / "model.keras", members)
    content = bytearray(path.read_bytes())
    for place in places:
        content[int(place * len(content))] ^= mask
    path.write_bytes(content[: int(kept * len(content))])
    try:
        model = keras.models.load_model(path)
    except Exception as error:  # Of the archive, its JSON or its HDF5.
        told = str(error)
    else:
        whole = RBM(5, 4, PersistentChain(7), seed=0)
        for x, y in zip(states_of(model), states_of(whole), strict=True):
            np.testing.assert_array_equal(x, y)
        return
    assert told
    assert "node" not in told
