"""Programs for GPUs are exported, and run under JAX, on tiny machines."""

import importlib
import pathlib

import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).parents[1] / "benchmarks" / "gpu"
NAMES = ["halves", "draws", "sweeps-10", "pcd3-10-20x8", "ais-exact"]


@pytest.fixture(scope="module", autouse=True)
def found_by_one_another():
    """Scripts find the modules that they share, as when they are run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield


@pytest.fixture(scope="module")
def folder(found_by_one_another, tmp_path_factory):
    """A folder of tiny programs."""
    path = tmp_path_factory.mktemp("programs")
    export = importlib.import_module("export")
    export.main([str(path), "--tiny", "--only", *NAMES])
    return path


@pytest.fixture(scope="module")
def run(found_by_one_another):
    """The script that runs them."""
    pytest.importorskip(
        "jax",
        reason='JAX runs the programs: pip install -e ".[bench-gpu]"',
    )
    return importlib.import_module("run")


@pytest.fixture(scope="module")
def results(run, folder):
    return run.run(folder, budget=3600, seconds=0.01)


def test_arrays_are_stored_as_little_as_they_can_be():
    store = importlib.import_module("store")
    recipe = store.normal(1, (30, 20), 0.1, -1.0)
    for x, kind in (
        (np.zeros((30, 20), "float32"), "constant"),
        (np.int32(3), "constant"),
        (store.drawn(recipe), "normal"),
        (store.drawn(store.bernoulli(2, (5, 7), 0.3)), "bits"),
        (np.linspace(0, 1, 5), "raw"),
    ):
        arrays = {}
        spec = store.encoded(x, "x", arrays, [recipe])
        assert spec["kind"] == kind
        assert bool(arrays) == (kind in ("bits", "raw"))
        found = store.decoded(spec, arrays)
        assert found.dtype == x.dtype
        np.testing.assert_array_equal(found, x)
    with pytest.raises(ValueError, match="does not draw the inputs"):
        store.decoded({**spec, "digest": "0"}, arrays)


def test_a_folder_without_programs_is_refused(tmp_path):
    store = importlib.import_module("store")
    with pytest.raises(ValueError, match=r"export.py .* Received: folder="):
        store.entries(tmp_path)


def test_a_folder_has_what_the_programs_need(folder):
    store = importlib.import_module("store")
    entries = {entry["name"]: entry for entry in store.entries(folder)}
    assert list(entries) == NAMES
    for entry in entries.values():
        text, arrays = store.text(folder, entry), store.arrays(folder, entry)
        assert "mhlo.copy" not in text
        for spec in entry["inputs"]:
            assert store.decoded(spec, arrays).shape == tuple(spec["shape"])
    pcd = entries["pcd3-10-20x8"]
    # 10 chains, 3 sweeps, 4 updates; a sweep begins with hidden states.
    assert pcd["chain_sweeps"] == 120
    assert pcd["words"] == 120 * 28
    # A first product down, two whole sweeps, and four rows' worth of updates.
    assert pcd["flops"] == 2 * 20 * 8 * (10 * 5 + 2 * 20) * 4
    assert 0 < pcd["expected"]["chance"]


def test_programs_agree_with_tensorflow(results):
    assert {row["program"] for row in results["programs"]} == set(NAMES)
    assert not results["left_out"]
    for row in results["programs"]:
        assert row["agrees"], row
        assert row["median_s"] > 0
        if row["program"] != "ais-exact":
            assert row["share_of_roofline"] > 0
    assert results["rates"]["words/s"] > 0
    assert "not measured" in results["peers"]["rbms"]


def test_the_table_has_a_row_for_each_program(run, results):
    text = run.table(results)
    assert "without TensorFlow's host side" in text
    for name in NAMES:
        assert f"| {name} | float32 | " in text
        assert f"- {name}, float32: " in text
    assert "NO" not in text.split()


def test_a_difference_is_found(run, folder):
    store = importlib.import_module("store")
    program = importlib.import_module("program")
    entries = {entry["name"]: entry for entry in store.entries(folder)}

    def compared(name, change):
        entry = entries[name]
        inputs, arrays = program.inputs(folder, entry)
        inputs = run.with_count(entry, inputs, "compared")
        function, _ = program.function(store.text(folder, entry), "cpu")
        outputs = [np.array(x) for x in function(*inputs)]
        change(outputs)
        return run.compare(entry, inputs, outputs, arrays, "float32")[0]

    def flip(index):
        def change(outputs):
            outputs[index][:5] = 1 - outputs[index][:5]

        return change

    assert not compared("draws", flip(0))
    for index in range(6):
        assert not compared("halves", flip(index))
    assert not compared("sweeps-10", lambda x: x[0].fill(5))
    assert not compared("ais-exact", lambda x: x[1].__iadd__(0.5))
    kernel = entries["pcd3-10-20x8"]["expected"]["kernel"][0]
    index = entries["pcd3-10-20x8"]["outputs"].index(kernel)
    assert not compared("pcd3-10-20x8", lambda x: x[index].fill(0))


def test_products_in_float32_and_kernels_are_counted(run, folder):
    store = importlib.import_module("store")
    program = importlib.import_module("program")
    [entry] = [x for x in store.entries(folder) if x["name"] == "sweeps-10"]
    text = store.text(folder, entry)
    exact = program.with_precision(text, "float32")
    assert text.count("[DEFAULT, DEFAULT]") == 2
    assert exact.count("[HIGHEST, HIGHEST]") == 2
    hlo = """
%fused (x: f32[2]) -> f32[2] {
  ROOT %y = f32[2]{0} add(%x, %x)
}
%body (t: (s32[], f32[2])) -> (s32[], f32[2]) {
  %i = s32[] get-tuple-element(%t), index=0
  %f = f32[2]{0} fusion(%i), kind=kLoop, calls=%fused
  ROOT %r = (s32[], f32[2]) tuple(%i, %f)
}
%cond (t: (s32[], f32[2])) -> pred[] {
  ROOT %p = pred[] fusion(%t), kind=kLoop, calls=%compare
}
ENTRY %main (x: f32[2]) -> f32[2] {
  %x = f32[2]{0} parameter(0)
  %c = f32[2]{0} copy(%x)
  %w = (s32[], f32[2]) while(%c), condition=%cond, body=%body
  ROOT %z = (f32[2]{0}, s8[4]{0}) custom-call(%w), custom_call_target="gemm"
}
"""
    assert program.kernels(hlo) == {
        "body": {"fusion": 2},
        "entry": {"copy": 1, "custom-call": 1},
    }
