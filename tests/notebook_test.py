"""The notebook runs from its first cell to its last, and is stored as run."""

import json
import pathlib

import matplotlib
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "notebooks" / "rbm_in_ten_minutes.ipynb"
STEPS = 6000


def code():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.slow
def test_the_cells_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    plt.close("all")
    names, drawn = {}, 0
    sources = ["".join(cell["source"]) for cell in code()]
    for number, source in enumerate(sources):
        exec(compile(source, f"code cell {number}", "exec"), names)
        for figure in map(plt.figure, plt.get_fignums()):
            figure.canvas.draw()
            assert np.asarray(figure.canvas.buffer_rgba()).std() > 10
            drawn += 1
        plt.close("all")
    assert drawn == sum(
        "image/png" in output.get("data", {})
        for cell in code()
        for output in cell["outputs"]
    )
    assert not list(tmp_path.iterdir())
    assert "log-likelihood -2" in capsys.readouterr().out
    # Of independent pixels it is -27.1, as the log-likelihood.
    assert names["history"]["pseudo_log_likelihood"][-1] > -24
    assert int(names["rbm"].updates) == STEPS


def test_it_is_stored_as_it_ran_and_small():
    assert NOTEBOOK.stat().st_size < 500_000
    counts = [cell["execution_count"] for cell in code()]
    assert counts == list(range(1, len(counts) + 1))
    for output in (output for cell in code() for output in cell["outputs"]):
        assert output["output_type"] in ("display_data", "stream")
        assert output.get("name") != "stderr"
