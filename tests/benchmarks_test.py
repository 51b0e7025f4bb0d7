"""The benchmarks run, on small shapes and for a moment."""

import importlib.util
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from keras_rbm import RBM, PersistentChain, data, sequences
from tests import eager
from tests.machines import rounding

FOLDER = pathlib.Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def found_by_one_another(monkeypatch):
    """Scripts find the module that they share, as when they are run."""
    monkeypatch.syspath_prepend(str(FOLDER))


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    return benchmark


@pytest.mark.parametrize(
    "name",
    [
        *("fit", "products", "scikit-learn"),
        pytest.param("fit(array)", marks=pytest.mark.slow),
    ],
)
def test_all_contestants_run(name):
    benchmark = load("training_step")
    assert benchmark.set_up(name, (1, 20, 30, 8), 50)
    assert benchmark.milliseconds(50) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fit(array)", "products", "draws"])
def test_all_contestants_on_sequences_run(monkeypatch, name):
    step = load("training_step")
    monkeypatch.setitem(sys.modules, "training_step", step)
    contestants = load("sequence_step").CONTESTANTS
    assert step.set_up(name, (2, 10, 4, 5, 3), 1, contestants, first=1)
    assert step.milliseconds(1) > 0


@pytest.mark.slow
def test_contestants_race_in_processes_of_their_own(monkeypatch):
    # A process finds what it calls by the name of its module.
    for name in ("training_step", "sklearn_pipeline"):
        monkeypatch.setitem(sys.modules, name, load(name))
    times, first = sys.modules["training_step"].race(
        (1, 20, 30, 8), rounds=2, updates=50
    )
    assert {"fit", "fit(array)", "products", "scikit-learn"} <= set(times)
    assert first.keys() == times.keys()
    assert min(first.values()) > 0
    assert all(len(values) == 2 for values in times.values())
    assert all(min(values) > 0 for values in times.values())
    times = sys.modules["sklearn_pipeline"].race(1, 30, 10, hidden=4)
    assert list(times) == ["BernoulliRBM", "RBMTransformer"]
    assert all(x.shape == (1, 2) and x.min() > 0 for x in times.values())


def test_a_contestant_imports_its_own_library_alone():
    """PyTorch beside TensorFlow may crash, so that they never meet."""
    code = """
import sys
import training_step
heavy = {"tensorflow", "keras", "torch", "sklearn", "keras_rbm"}
assert not heavy & set(sys.modules)
assert training_step.installed("json", "numpy")
assert not training_step.installed("json", "no_such_package")
assert not training_step.installed("rbms") or training_step.installed("torch")
training_step.set_up("scikit-learn", (1, 20, 30, 8), 50)
assert heavy & set(sys.modules) == {"sklearn"}
"""
    subprocess.run([sys.executable, "-c", code], cwd=FOLDER, check=True)


def test_who_has_no_such_shape_does_not_take_part():
    assert not load("training_step").set_up("scikit-learn", (15, 20, 30, 8), 50)


def test_ais_runs_beside_its_products():
    benchmark = load("ais")
    times = benchmark.race(20, 8, chains=10, rounds=2, betas=30)
    assert set(times) == {"ais", "products"}
    for values in times.values():
        assert len(values) == 2
        assert np.all(np.array(values) > 0)


def test_sampling_runs_beside_its_products():
    benchmark = load("sampling")
    times = benchmark.race(20, 8, chains=10, rounds=2, sweeps=30)
    assert set(times) == {"sample", "start", "products", "transposed"}
    for values in times.values():
        assert len(values) == 2
        assert np.all(np.array(values) > 0)


def test_products_neither_vanish_nor_overflow():
    contest = load("contest")
    kernel = load("ais").draw(20, 8)[0].kernel.numpy()
    np.testing.assert_array_equal(kernel, load("sampling").draw(20, 8).kernel)
    plain, transposed = (
        contest.products(kernel, 10, transposed)(1000)
        for transposed in (False, True)
    )
    assert plain.shape == (10, 20)
    assert 1e-3 < np.abs(plain).max() < 1e3
    # A thousand times two products of numbers of size 1, of 20 and 8 terms.
    np.testing.assert_allclose(
        plain, transposed, atol=rounding("float32", 28e3)
    )


def test_a_row_has_percentiles_and_the_median_of_ratios(capsys):
    times = {"ours": [1.0, 2.0, 3.0], "theirs": [2.0, 2.0, 2.0]}
    load("contest").print_rows(times, "a shape", digits=1, whole=5000)
    assert capsys.readouterr().out.splitlines() == [
        "| a shape | ours | 2.0 | 1.2 to 2.8 | 10.0 | 1.00 |",
        "| a shape | theirs | 2.0 | 2.0 to 2.0 | 10.0 | 1.00 |",
    ]


def test_the_estimators_of_scikit_learn_run_side_by_side():
    benchmark = load("sklearn_pipeline")
    for contestant in benchmark.CONTESTANTS:
        times = benchmark.times_of_fits(contestant, 30, 10, hidden=4)
        assert len(times) == 2
        assert min(times) > 0


def test_digits_are_moved_by_a_pixel():
    x_train, x_test, y_train, y_test = load("sklearn_pipeline").moved_digits()
    assert x_train.shape == (7188, 64)
    assert len(x_test) == len(y_test) == 1797
    x, _ = load_digits(return_X_y=True)
    assert np.all(np.bincount(np.append(y_train, y_test)) % 5 == 0)
    image, seen = x[0].reshape(8, 8), np.concatenate([x_train, x_test]) > 0
    for axis in (0, 1):
        for step in (-1, 1):
            moved = np.roll(image, step, axis)
            np.moveaxis(moved, axis, 0)[min(step, 0)] = 0  # It came around.
            assert np.any(np.all(seen == (moved.ravel() > 0), axis=1))


def evaluation(folder, lower, error, seconds, exact=False):
    """A run's folder as `results.row` reads it."""
    folder.mkdir()
    told = {"effective_sample_size": 80.0}
    split = {
        "log_likelihood": {
            "lower": lower,
            "upper": lower + 0.25,
            "standard_error": error,
        },
        "pseudo_log_likelihood": {"mean": -60.0},
    }
    partition = {
        "method": "exact" if exact else "ais",
        "standard_error": 0.0 if exact else 0.1,
        "trusted": lower > -85,
        "forward": told,
        "reverse": told,
    }
    splits = {"train": split} if exact else {"train": {}, "test": split}
    results = {
        "splits": splits,
        "log_partition": partition,
        "binarize": "threshold",
        "num_betas": 100,
        "num_chains": 20,
    }
    (folder / "evaluation.json").write_text(json.dumps(results))
    (folder / "train.log").write_text(f"... trained in {seconds} s\n")
    return folder


def test_a_row_has_the_mean_of_the_seeds_and_errors_in_quadrature(tmp_path):
    folders = [
        evaluation(tmp_path / "0", -84.0, 0.3, 100),
        evaluation(tmp_path / "1", -86.0, 0.3, 120),
    ]
    row = load("results").row("mnist", folders)
    # Seeds: a standard deviation of sqrt(2), of two; t is 12.7 then. The
    # examples and AIS: 0.3.
    half = np.hypot(12.706, 1.96 * 0.3)
    assert f"| -85.00 +- {half:.2f} | -84.00, -86.00 |" in row
    assert "| -83.75, -85.75 (not trusted) | 100 x 20 | 80/80, 80/80 |" in row
    assert row.startswith("| mnist | threshold | test |")
    assert row.endswith("| -60.00 | 110 s |")


def test_all_patterns_of_a_set_are_no_sample(tmp_path):
    folders = [
        evaluation(tmp_path / "0", -3.03, 0.3, 20, exact=True),
        evaluation(tmp_path / "1", -3.03, 0.3, 20, exact=True),
    ]
    results = load("results")
    row = results.row("bars", folders)
    assert "| train | -3.030 +- 0.000 | -3.030, -3.030 | exact | - |" in row
    assert "| -3.030 (one seed) | -3.030 |" in results.row("bars", folders[:1])


@pytest.mark.slow
def test_few_labels_compares_two_starts(tmp_path):
    benchmark = load("few_labels")
    rows = data.digits(validation_size=0, num_classes=10)
    with eager.updates():
        compared = benchmark.compare(
            rows, [60], [0, 1], [8], epochs=1, updates=2, directory=tmp_path
        )
        found = {name: accuracies for name, _, accuracies in compared}
    assert set(found) == {"svm", "network", "spread"}
    for accuracies in found.values():
        assert accuracies.shape == (2, 2)
        assert ((accuracies >= 0) & (accuracies <= 1)).all()
    # Of 180 digits, whose features say more than their classes' rates.
    assert (found["svm"] > 0.2).all()
    assert (tmp_path / "layer-1.keras").exists()
    row = benchmark.row(100, np.array([[0.8, 0.9], [0.7, 0.7]]))
    # The standard deviation of two values is their distance over sqrt(2).
    assert row == ("| 100 | 85.00 +- 7.07 | 70.00 +- 0.00 | 81.70 / 76.02 |")


def test_rows_with_found_labels():
    benchmark = load("few_labels")
    classes = np.array([0, 1, 0, 1, 0, 1])
    y = data.one_hot(classes[:, None], 2)
    rows = np.concatenate([np.arange(6.0)[:, None], y], axis=1)
    # The labels of rows 4 and 5 are given; those that were found are wrong.
    by_svm, by_graph = np.array([[0, 1, 1, 1, 1, 0], [0, 1, 0, 0, 1, 0]])
    found = by_svm, by_graph, np.array([0.95, 0.6, 0.95, 0.4, 1.0, 1.0])

    def learned(rule):
        of = benchmark.with_found_labels(rows, np.array([4, 5]), found, 2, rule)
        return [(int(row[0]), int(row[2])) for row in of]

    given = [(4, 0), (5, 1)]
    assert learned("agreement") == [(0, 0), (1, 1), *given]
    assert learned("once") == [(0, 0), (1, 1), *given]
    assert learned("svm") == [(0, 0), (1, 1), (2, 1), (3, 1), *given, *given]
    # Three rows: round(3 / 2) is 2.
    assert learned("0.5") == [(0, 0), (1, 1), (2, 0), *given, *given]
    assert learned("0.9") == [(0, 0), (2, 0), *given]


@pytest.mark.parametrize(("rates", "last"), [("0.2", 0.2), ("0.2 0.1", 0.1)])
def test_a_family_is_learned_in_stages(rates, last):
    """The step falls to 2 % once in all stages, or in each of them."""
    benchmark = load("family")
    codes = np.random.default_rng(0).integers(4, size=(50, 6))
    family = sequences.Alignment(codes, alphabet="rna")
    words = "--train - --hidden 3 --chains 4 --optimizer SGD --updates 2 3"
    words = f"{words} --sweeps 1 2 --rate {rates}"
    with eager.updates():
        rbm = benchmark.train(family, benchmark.arguments(words.split()))
    assert int(rbm.updates) == 5
    assert int(rbm.chain.num_sweeps) == 2
    step = float(rbm.optimizer.learning_rate)
    assert step == pytest.approx(0.02 * last)
    for name in ("--identity", "--sweeps", "--rate"):
        with pytest.raises(SystemExit):
            benchmark.arguments([*words.split(), name, "1", "1", "1"])


@pytest.mark.slow
def test_families_of_few_sequences(capsys):
    benchmark = load("family_sizes")
    rng = np.random.default_rng(0)
    family, test = (
        sequences.Alignment(rng.integers(4, size=(50, 6)), alphabet="rna")
        for _ in range(2)
    )
    words = "--train - --test - --sizes 20 80 --columns 5 --test_size 30"
    words += " --hidden 3 --chains 10 --updates 5 --betas 20"
    benchmark.compare(family, test, benchmark.arguments(words.split()))
    lines = capsys.readouterr().out.splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines[2:]]
    # There are no more than 50.
    names = [["20", "Adam"], ["20", "AutoSGD"], ["50", "Adam"]]
    assert [row[:2] for row in rows] == [*names, ["50", "AutoSGD"]]
    # The letters are independent, and five updates learn little.
    for *_, gain, trusted, learned in rows:
        assert -1 < float(gain) < 1
        assert -1 < float(learned) < 1
        assert trusted in ("yes", "no")


def test_independent_sites_have_the_frequencies_of_the_family():
    codes = np.array([[1, 2], [1, 3], [1, 3], [1, 2]] * 500)
    family = sequences.Alignment(codes, alphabet="rna")
    test = sequences.Alignment(codes[:1], alphabet="rna")
    found = load("family_sizes").independent(family, np.ones(2000), test)
    assert found == pytest.approx(np.log(0.5), abs=0.01)


@pytest.mark.slow
def test_an_autoencoder_stands_beside_pca(tmp_path):
    benchmark = load("autoencoder")
    digits = data.digits()
    with eager.updates():
        found = benchmark.compare(
            digits.train, digits.test, [8, 4], epochs=1, finetune_epochs=1
        )
    assert set(found) == {"test images", "autoencoder", "PCA"}
    assert {x.shape for x in found.values()} == {(180, 64)}
    # Of the mean alone, which a code can but improve on.
    spread = 64 * np.var(digits.test, axis=0).mean()
    assert 0 < benchmark.error(found, "PCA") < spread
    assert benchmark.error(found, "test images") == 0
    path = tmp_path / "autoencoder.png"
    benchmark.draw(found, path, digits.image_shape, count=5)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_communication_counts_what_an_update_exchanges():
    benchmark = load("communication")
    found = benchmark.sums(lambda: RBM(20, 8, PersistentChain(6)), 20, 1)
    # One replica only comes to the last of the sums, with nobody to add to.
    assert found == [4 * (20 * 8 + 2 * 20 + 2 * 8 + 1)]
    assert benchmark.sent(6.0, 3) == 8.0


@pytest.mark.slow
def test_a_short_soak_finds_nothing_that_creeps():
    benchmark = load("soak")
    numbers = benchmark.soak(3000, epochs=6, verbose=0)
    assert numbers["updates"] == 3000
    assert numbers["traces"] == 1
    # A leak of a batch (30 x 16 numbers) at each update would be 5 MiB.
    assert numbers["growth"] * numbers["memory_mib"] < 5


def test_a_soak_tells_what_creeps():
    benchmark = load("soak")
    well = {"growth": 0.001, "traces": 1, "slowdown": 1.1}
    assert not list(benchmark.failures(well))
    for name, value in (("growth", 0.02), ("traces", 2), ("slowdown", 2.0)):
        assert len(list(benchmark.failures(well | {name: value}))) == 1


@pytest.mark.slow
def test_a_long_soak_finds_nothing_that_creeps():
    """Beside other tests the clock says little: that is for the script."""
    benchmark = load("soak")
    numbers = benchmark.soak(200_000, verbose=0)
    told = list(benchmark.failures(numbers | {"slowdown": 1.0}))
    assert not told


def test_the_import_adds_nothing_heavy():
    """What Keras brings by itself, such as scikit-learn, is not counted."""
    found = load("import_time").race()
    assert "keras_rbm.models.rbm" in found["added"]
    packages = {name.partition(".")[0] for name in found["added"]}
    assert packages <= {"keras_rbm", "tensorboard"}
    assert "keras_rbm.sklearn" not in found["added"]
    assert 0 < found["extra"][1] < found["base"][1]


@pytest.mark.slow
def test_defaults_are_measured_on_sets_of_a_folder(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for split, count in (("train", 300), ("test", 100)):
        pairs = np.repeat(rng.random((count, 3)) < 0.5, 2, axis=1)
        path = tmp_path / f"pairs.{split}.csv.gz"
        np.savetxt(path, pairs, fmt="%d", delimiter=",")
    defaults = load("defaults")
    defaults.main(["pairs", "--data_dir", str(tmp_path), "--hidden", "4"])
    *_, row = capsys.readouterr().out.splitlines()
    name, hidden, _, independent, lower, *_ = row.strip("| ").split(" | ")
    assert (name, hidden) == ("pairs", "4")
    # Three fair coins; independent columns see six.
    assert float(independent) == pytest.approx(-6 * np.log(2), abs=0.05)
    assert float(lower) == pytest.approx(-3 * np.log(2), abs=0.2)


def test_outliers_are_told_from_what_is_normal():
    outliers = load("outliers")
    names = [name for name, _ in outliers.problems(2)]
    assert len(names) == len(set(names)) == 6
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(90, 2)), 5 + rng.normal(size=(9, 2))])
    normal = np.arange(99) < 90
    train, test, is_normal = outliers.new(x, normal, 0)
    assert (len(train), len(test), sum(~is_normal)) == (45, 54, 9)
    train, test, is_normal = outliers.among(x, normal, 0)
    assert len(train) == len(test) == 95
    assert sum(~is_normal) == 5
    detector = outliers.DETECTORS["IsolationForest"](0)
    assert outliers.area(detector, train, test, is_normal) > 0.95
    detector = outliers.DETECTORS["RBMOutlierDetector"](0)
    detector.set_params(n_components=2, updates=100)
    assert outliers.area(detector, train, test, is_normal) > 0.9


def test_the_effect_of_rounding_is_that_of_enumeration():
    benchmark = load("precision")
    np.testing.assert_array_equal(
        benchmark.rounded([1.0 + 2.0**-7, 3.0, -0.1], 8),
        [1.0 + 2.0**-7, 3.0, -205 / 2048],
    )
    rbm = RBM(12, 6, seed=0)
    rng = np.random.default_rng(0)
    rbm.kernel.assign(rng.normal(size=(12, 6)))
    exact = rbm.log_partition(method="exact").lower
    states = np.float32(rng.random((4000, 12)) < 0.5)
    samples = rbm.sample(start=states, num_sweeps=50, seed=0, verbose=0).numpy()
    kernel = rbm.kernel.numpy()
    for _, bits, log_z, error, of_test in benchmark.measure(
        rbm, samples[:100], samples
    ):
        changed = rbm.log_partition(method="exact").lower
        rounding = 1e-5  # Of free energies in float32.
        assert abs(log_z - (changed - exact)) < 4 * error + rounding
        assert np.abs(of_test).max() < 12 * 6 * 4 * 2.0**-bits
    np.testing.assert_array_equal(rbm.kernel.numpy(), kernel)


def test_imputers_are_compared_on_hidden_entries(capsys):
    imputation = load("imputation")
    frame = imputation.TABLES["iris"]()
    encoded = imputation.Encoded(frame)
    numbers, hot = encoded.decode(encoded.encode(frame))
    np.testing.assert_allclose(numbers.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(numbers.std(axis=0), 1)
    assert np.all(hot["target"].sum(axis=1) == 1)
    rng = np.random.default_rng(0)
    for kind in ("random", "blocks"):
        mask = imputation.hidden((4000, 10), 0.3, kind, rng)
        assert mask.mean() == pytest.approx(0.3, abs=0.02)
    # Blocks hide columns that are side by side, of half of the rows.
    assert np.mean(~mask.any(axis=1)) == pytest.approx(0.5, abs=0.05)
    mask = imputation.hidden(frame.shape, 0.3, "random", rng)
    draws = np.stack([numbers - 1, numbers + 1])
    found = numbers, hot, draws, True
    rmse, accuracy, log_loss, coverage = imputation.measures(
        frame, encoded, mask, found
    )
    assert (rmse, accuracy, coverage) == (0, 1, 1)
    assert log_loss < 0.01
    options = "--tables iris --imputers SimpleImputer --shares 0.3 --seeds 1"
    imputation.main([*options.split(), "--kinds", "random"])
    row = capsys.readouterr().out.splitlines()[-1].split(" | ")
    assert row[3] == "SimpleImputer"
    # The mean of a standardized column, and the most frequent of three classes.
    assert float(row[4]) == pytest.approx(1, abs=0.1)
    assert float(row[5]) == pytest.approx(1 / 3, abs=0.12)
