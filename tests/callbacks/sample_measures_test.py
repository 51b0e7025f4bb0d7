import numpy as np
import pytest

from keras_rbm import (
    RBM,
    ContrastiveDivergence,
    PersistentChain,
    callbacks,
    evaluation,
)
from keras_rbm.callbacks import measurement_callbacks
from tests import machines
from tests.callbacks import events
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)


def written(log_dir, model, *data):
    callback = callbacks.SampleMeasures(log_dir, *data, every=5)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(4)
    callback.on_train_end()
    found = events.read(log_dir / "train")
    assert {tuple(steps) for steps in found.values()} == {(5,)}
    return {tag.removeprefix("3 Chains/") for tag in found}, callback


def test_curves_are_the_measures_of_the_particles(tmp_path):
    model = machines.rbm(ORACLE, chain=PersistentChain(150))
    v, v_train = machines.data(48, seed=1), machines.data(60, seed=2)
    tags, callback = written(tmp_path, model, v, v_train)
    values = callback.measure(5)
    assert tags == {tag.removeprefix("3 Chains/") for tag in values}
    found = evaluation.compare_samples(
        v, np.asarray(model.fantasy_particles), v_train
    )
    for name, value in {
        "adversarial_accuracy": found["adversarial_accuracy"]["value"],
        "privacy_gap": found["privacy_gap"],
        "moment_2_correlation": found["moments"][1]["correlation"],
        "pca_distance": max(found["pca_distance"]),
        "mmd_squared": found["maximum_mean_discrepancy"]["squared"],
        "cluster_distance": found["cluster_coverage"]["distance"],
        "clusters_missed": found["cluster_coverage"]["missed"],
    }.items():
        assert values[f"3 Chains/{name}"] == value


def test_rows_with_missing_entries_are_completed(tmp_path):
    model = machines.rbm(ORACLE, chain=PersistentChain(100))
    v = machines.data(48, seed=1)
    lost = np.random.default_rng(0).random(v.shape) < 0.3
    v = np.where(lost, np.nan, v)
    _, callback = written(tmp_path, model, v, v[:24])
    values = callback.measure(5)
    whole = model.inpaint(v, lost, num_sweeps=100, seed=0, verbose=0).numpy()
    found = evaluation.compare_samples(
        whole, np.asarray(model.fantasy_particles)
    )
    assert (
        values["3 Chains/mmd_squared"]
        == (found["maximum_mean_discrepancy"]["squared"])
    )
    kinds = [type(c) for c in measurement_callbacks(model, tmp_path, v, v, 2)]
    assert kinds == [
        callbacks.ChainHealth,
        callbacks.LogLikelihood,
        callbacks.SampleMeasures,
    ]


def test_examples_may_have_other_forms(tmp_path):
    model = machines.rbm(ORACLE, chain=PersistentChain(100))
    v = machines.data(48, seed=1)
    _, callback = written(tmp_path / "rows", model, v, v[:24])
    expected = callback.measure(5)
    pictures = v.reshape(-1, 5, 1)
    _, callback = written(tmp_path / "p", model, pictures, pictures[:24])
    assert callback.measure(5) == expected
    lost = np.random.default_rng(0).random(v.shape) < 0.3
    _, callback = written(tmp_path / "nan", model, np.where(lost, np.nan, v))
    expected = callback.measure(5)
    _, callback = written(tmp_path / "m", model, np.ma.array(v, mask=lost))
    assert callback.measure(5) == expected


def test_chains_that_keep_nothing_are_measured_by_draws(tmp_path):
    model = machines.rbm(ORACLE, chain=ContrastiveDivergence())
    tags, _ = written(tmp_path, model, machines.data())
    assert "adversarial_accuracy" in tags
    assert "privacy_gap" not in tags


def test_data_that_are_no_states_are_refused(tmp_path):
    callback = callbacks.SampleMeasures(tmp_path, 3 * machines.data())
    callback.set_model(machines.rbm(ORACLE))
    with pytest.raises(ValueError, match="`v` must hold"):
        callback.on_train_begin()


@pytest.mark.parametrize("name", ["v", "v_train"])
def test_a_single_row_is_refused(tmp_path, name):
    rows = {"v": machines.data(), name: machines.data(1)}
    with pytest.raises(ValueError, match=f"`{name}` must have two or more"):
        callbacks.SampleMeasures(tmp_path, **rows)


def test_samples_are_measured_where_there_is_a_likelihood(tmp_path):
    model, v = RBM(5, 4, seed=0), machines.data()
    kinds = [type(c) for c in measurement_callbacks(model, tmp_path, v, v, 2)]
    assert callbacks.SampleMeasures in kinds
    one = v[:1]
    found = measurement_callbacks(model, tmp_path, one, v, 2)
    assert [type(c) for c in found] == kinds[:2]
    *_, samples = measurement_callbacks(model, tmp_path, v, one, 2)
    assert samples.v_train is None
    grey = measurement_callbacks(model, tmp_path, 0.5 * v, v, 2)
    assert [type(c) for c in grey] == [callbacks.ChainHealth]
