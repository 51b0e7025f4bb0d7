"""Whatever comes into a model is taken or refused with a clear reason.

A damaged or malicious .keras file runs no code, and never loads as another
model.
"""

import contextlib
import io
import json
import os
import zipfile

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_rbm import (
    RBM,
    ContrastiveDivergence,
    PersistentChain,
    Tempered,
)
from tests import hostile
from tests.machines import batches, data, states_of

EXAMPLES = settings(max_examples=50)


@pytest.fixture(scope="module")
def model():
    model = RBM(hostile.WIDTH, 4, PersistentChain(7), seed=0)
    model.compile("adam", run_eagerly=True)
    return model


@contextlib.contextmanager
def untouched(model):
    """Nothing of the model changes within."""
    before = states_of(model)
    yield
    for x, y in zip(before, states_of(model), strict=True):
        np.testing.assert_array_equal(x, y)


TAKERS = {
    "fit": lambda model, x: model.fit(x, epochs=1, verbose=0),
    "validation": lambda model, x: model.fit(
        data(), validation_data=(x, None), epochs=1, verbose=0
    ),
    "evaluate": lambda model, x: model.evaluate(x, verbose=0),
    "predict": lambda model, x: model.predict(x, verbose=0),
    "call": lambda model, x: model(x),
    "sample": lambda model, x: model.sample(
        start=hostile.SYMBOLIC if x is None else x, num_sweeps=1
    ),
    "reconstruct": lambda model, x: model.reconstruct(x),
    "denoise": lambda model, x: model.denoise(x),
    "inpaint": lambda model, x: model.inpaint(x, np.zeros(5, bool)),
    "conditional": lambda model, x: model.conditional(x, np.zeros(5, bool)),
    "free_energy": lambda model, x: model.free_energy(x),
    "adapt": lambda model, x: model.adapt(x),
    "log_likelihood": lambda model, x: model.log_likelihood(x),
    "pseudo_log_likelihood": lambda model, x: model.pseudo_log_likelihood(x),
}
STREAMED = set(TAKERS) - {
    "call",
    "sample",
    "reconstruct",
    "denoise",
    "inpaint",
    "conditional",
    "free_energy",
    "validation",
}


@pytest.mark.parametrize("taker", sorted(set(TAKERS) - {"sample"}))
@EXAMPLES
@given(x=hostile.ARRAYS)
def test_wrong_arrays_are_refused(model, taker, x):
    with untouched(model):
        hostile.told(
            lambda: TAKERS[taker](model, x), "x|v|start|validation_data"
        )


@EXAMPLES
@given(x=hostile.ARRAYS.filter(lambda x: x is not None))
def test_wrong_starts_are_refused(model, x):
    with untouched(model):
        hostile.told(lambda: model.sample(start=x, num_sweeps=1), "start")


@pytest.mark.parametrize("taker", sorted(STREAMED))
@pytest.mark.parametrize("kind", hostile.STREAMS)
def test_wrong_data_sets_are_refused(model, taker, kind):
    with untouched(model):
        hostile.told(lambda: TAKERS[taker](model, hostile.STREAMS[kind]))


@pytest.mark.parametrize("taker", sorted(STREAMED))
@pytest.mark.parametrize("kind", hostile.LATER)
def test_wrong_later_batches_are_refused(model, taker, kind):
    with untouched(model):
        hostile.told(lambda: TAKERS[taker](model, hostile.LATER[kind]))


@pytest.fixture(scope="module")
def started():
    """A model that has seen updates does not look at the data's mean."""
    model = RBM(hostile.WIDTH, 4, PersistentChain(7), seed=0)
    model.compile("sgd", run_eagerly=True)
    model.fit(data(), epochs=1, verbose=0)
    return model


@pytest.mark.parametrize("kind", hostile.LATER)
def test_no_update_sees_a_wrong_later_batch(started, kind):
    updates = int(started.updates)
    text = hostile.told(
        lambda: started.fit(hostile.LATER[kind], epochs=1, verbose=0),
        "x|sample_weight",
    )
    assert ("the disk of the user" in text) == (kind == "an_error")
    # Keras fetches a batch ahead, and so stops before the good one too.
    assert int(started.updates) <= updates + 2
    for x in states_of(started):
        assert np.isfinite(x).all()


def test_data_without_an_end_are_refused(model):
    endless = batches(data()).repeat()
    for action in (
        lambda: model.fit(endless, epochs=1, verbose=0),
        lambda: model.fit(data(), validation_data=endless, epochs=1, verbose=0),
        lambda: model.evaluate(endless, verbose=0),
        lambda: model.predict(endless, verbose=0),
        lambda: model.log_likelihood(endless),
        lambda: model.pseudo_log_likelihood(endless),
    ):
        with untouched(model):
            assert "must come to an end" in hostile.told(action)


COUNTED = {
    "visible": lambda n: RBM(n, 4),
    "hidden": lambda n: RBM(5, n),
    "num_chains": lambda n: RBM(5, 4, PersistentChain(n)),
    "num_betas": lambda n: PersistentChain(3, sampler=Tempered(n)),
    "num_sweeps": lambda n: ContrastiveDivergence(n),
}
ASKED = {
    "num_samples": lambda model, n: model.sample(n, 1),
    "num_sweeps": lambda model, n: model.sample(2, n),
    "every": lambda model, n: model.sample(2, 3, every=0 if n is None else n),
    "num_betas": lambda model, n: model.log_partition("ais", None, n, 2, 1),
    "num_chains": lambda model, n: model.log_partition("ais", None, 2, n, 1),
    "epochs": lambda model, n: model.fit(data(), epochs=n, verbose=0),
    "validation_freq": lambda model, n: model.fit(
        data(), validation_data=data(), validation_freq=n, epochs=1, verbose=0
    ),
    "steps_per_execution": lambda model, n: model.compile(
        steps_per_execution=n
    ),
}
SIZES = hostile.COUNTS.filter(lambda n: not isinstance(n, list | tuple))


@pytest.mark.parametrize("name", COUNTED)
@EXAMPLES
@given(n=SIZES)
def test_wrong_sizes_are_refused(name, n):
    hostile.told(lambda: COUNTED[name](n), name)


@pytest.mark.parametrize("name", ASKED)
@EXAMPLES
@given(n=SIZES)
def test_wrong_numbers_are_refused(model, name, n):
    with untouched(model):
        hostile.told(lambda: ASKED[name](model, n), name)


@pytest.mark.parametrize("name", ["batch_size", "steps_per_epoch"])
@EXAMPLES
@given(n=SIZES.filter(lambda n: n is not None))
def test_wrong_batches_are_refused(model, name, n):
    with untouched(model):
        hostile.told(
            lambda: model.fit(data(), epochs=1, verbose=0, **{name: n}), name
        )


@settings(max_examples=20)
@given(
    seed=st.one_of(
        st.integers(max_value=-1),
        st.floats(),
        st.sampled_from(["", "1", " 1", "é", "\u0661"]),
    )
)
def test_wrong_seeds_are_refused(model, seed):
    hostile.told(lambda: RBM(5, 4, seed=seed), "seed")
    hostile.told(lambda: model.sample(2, 1, seed=seed), "seed")


def test_what_would_not_fit_into_memory_is_not_tried(model):
    most = 2**31 - 1
    for action, name in (
        (lambda: RBM(10**6, 10**6), "kernel"),
        (lambda: RBM(1000, 5, PersistentChain(most)), "num_chains"),
        (
            lambda: RBM(1000, 5, PersistentChain(most, sampler=Tempered(most))),
            "num_chains",
        ),
        (lambda: model.log_partition("ais", None, most, 2, 1), "num_betas"),
    ):
        assert "memory" in hostile.told(action, name)


@EXAMPLES
@given(
    weight=st.one_of(
        st.floats().filter(lambda w: not (w == 0 or 1e-30 <= w <= 1e30)),
        st.sampled_from([1 + 1j, "1", np.datetime64(1, "s")]),
    ),
    row=st.integers(0, 47),
)
def test_wrong_weights_are_refused(model, weight, row):
    kind = "float64" if isinstance(weight, float) else np.array([weight]).dtype
    weights = np.ones(48).astype(kind)
    weights[row] = weight
    for taker in (model.fit, model.evaluate, model.adapt):
        more = {} if taker == model.adapt else {"verbose": 0}
        with untouched(model):
            hostile.told(
                lambda taker=taker, more=more: taker(
                    data(), sample_weight=weights, **more
                ),
                "sample_weight",
            )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("class_weight", {0: 1.0}),
        ("y", "digits"),
        ("validation_split", 2.0),
        ("validation_split", "half"),
        ("initial_epoch", "one"),
        ("initial_epoch", -1),
    ],
)
def test_wrong_arguments_of_fit_are_refused(model, name, value):
    with untouched(model):
        hostile.told(
            lambda: model.fit(data(), epochs=1, verbose=0, **{name: value}),
            name,
        )


@pytest.mark.parametrize("value", [None, 3, keras.optimizers.SGD])
def test_wrong_optimizers_are_refused(value):
    hostile.told(lambda: RBM(5, 4).compile(value), "optimizer")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_parameters_of_few_bits_are_refused(dtype):
    hostile.told(lambda: RBM(5, 4, dtype=dtype), "dtype")


@settings(max_examples=20)
@given(
    dtype=st.sampled_from(
        ["float16", "float32", "float64", "bool", "uint8", "int64", ">f4"]
    ),
    rows=st.integers(1, 9),
    order=st.sampled_from("CF"),
)
def test_what_is_right_is_taken_alike(model, dtype, rows, order):
    x = data(rows)
    same = np.array(x, dtype, order=order)
    np.testing.assert_array_equal(model(same), model(x))
    np.testing.assert_array_equal(model.free_energy(same), model.free_energy(x))
    assert np.isfinite(model.pseudo_log_likelihood(same)).all()


def test_symbolic_inputs_still_make_a_graph(model):
    inputs = keras.Input((hostile.WIDTH,))
    outer = keras.Model(inputs, model(inputs))
    np.testing.assert_allclose(
        outer(data()), model(data()), rtol=4 * np.finfo("float32").eps
    )


# Files.


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
