"""What a model of a family says, designs and leaves in pictures and files."""

import csv

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib import image
from tensorboard.compat.proto import event_pb2

from keras_rbm import (
    RBM,
    Bernoulli,
    ContrastiveDivergence,
    Gaussian,
    PersistentChain,
    Softmax,
    Tempered,
    TrajectoryTempering,
    couplings,
    sequences,
)
from keras_rbm import machine as machine_lib
from keras_rbm.sequences import Alignment, pictures, runs
from tests import eager

SITES = 7


@pytest.fixture(scope="module")
def family():
    codes = np.random.default_rng(0).integers(0, 5, size=(60, SITES))
    return Alignment(codes, alphabet=sequences.RNA).columns(range(SITES))


@pytest.fixture(scope="module")
def rbm(family):
    return RBM(
        family.units,
        Bernoulli(4),
        PersistentChain(10),
        kernel_initializer=keras.initializers.RandomNormal(0, 0.7, 1),
        visible_bias_initializer=keras.initializers.Constant(family.fields()),
        seed=0,
    )


def test_a_scan_has_differences_of_log_p(rbm, family):
    scan = sequences.mutation_scan(rbm, family, row=3)
    assert scan.scores.shape == (SITES, 5)
    mutant = family.codes[[3, 3]].copy()
    mutant[1, 2] = (mutant[1, 2] + 1) % 5
    pair = Alignment(mutant, alphabet=sequences.RNA).one_hot()[:]
    wild, changed = np.asarray(rbm.free_energy(pair), "float64")
    found = scan.scores[2, mutant[1, 2]]
    assert np.isclose(found, wild - changed, atol=1e-4)
    own = scan.scores[np.arange(SITES), family.codes[3]]
    np.testing.assert_array_equal(own, 0)
    assert scan.wild_type == family.strings()[3]


def test_a_scan_names_mutants_by_position(rbm, family, tmp_path):
    moved = Alignment(
        family.codes, alphabet=sequences.RNA, positions=np.arange(SITES) + 40
    )
    scan = sequences.mutation_scan(rbm, moved)
    best = scan.best(2)
    assert len(best) == 2
    assert best[0][1] >= best[1][1]
    assert 40 <= int(best[0][0][1:-1]) < 40 + SITES
    scan.write_csv(tmp_path / "scan.csv")
    with open(tmp_path / "scan.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == SITES * 4
    assert (rows[0]["column"], rows[0]["position"]) == ("1", "40")
    assert "log_p_lower" not in rows[0]
    exact = rbm.log_partition()
    scan.write_csv(tmp_path / "scan.csv", exact)
    with open(tmp_path / "scan.csv", newline="") as file:
        row = list(csv.DictReader(file))[5]
    mutant = moved.codes[:1].copy()
    column = int(row["column"]) - 1
    mutant[0, column] = sequences.RNA.letters.index(row["to"])
    hot = Alignment(mutant, alphabet=sequences.RNA).one_hot()[:]
    expected = rbm.log_likelihood(hot, log_partition=exact)
    for end in ("lower", "upper"):
        found = float(row[f"log_p_{end}"])
        assert np.isclose(found, getattr(expected, end), atol=1e-3)


def test_scans_refuse_what_does_not_fit(rbm, family):
    with pytest.raises(ValueError, match="`row` must be one of"):
        sequences.mutation_scan(rbm, family, row=60)
    with pytest.raises(ValueError, match="visible units of the alignment"):
        sequences.mutation_scan(rbm, family.columns([0, 1]))
    codes = family.codes.copy()
    codes[0, 0] = -1
    with pytest.raises(ValueError, match="no missing entries"):
        sequences.mutation_scan(rbm, Alignment(codes, alphabet=sequences.RNA))


def test_hidden_units_that_are_held_leave_a_machine(rbm):
    """p(v | h_held), up to a constant: the energies differ by one."""
    machine = rbm.machine()
    held = sequences.hold(machine, {1: 1.0, 3: 0.0})
    rng = np.random.default_rng(1)
    v = np.eye(5)[rng.integers(5, size=(20, SITES))].reshape(20, -1)
    h = rng.integers(2, size=(20, 4)).astype("float32")
    h[:, 1], h[:, 3] = 1.0, 0.0
    v = v.astype("float32")
    change = np.asarray(machine_lib.energy(machine, v, h)) - np.asarray(
        machine_lib.energy(held, v, h[:, [0, 2]])
    )
    np.testing.assert_allclose(change, change[0], atol=1e-4)
    for values in ({4: 1.0}, {0: 2.0}, dict.fromkeys(range(4), 1.0)):
        with pytest.raises(ValueError, match="`hold` must"):
            sequences.hold(machine, values)
    with pytest.raises(ValueError, match="hidden units of one type"):
        sequences.hold(machine_lib.flip(machine), {0: 1.0})


def test_designed_sequences_keep_their_columns(rbm, family):
    drawn = sequences.design(
        rbm,
        12,
        start=family[:5],
        keep=[1, 4],
        hold_hidden={0: 1.0},
        inverse_temperature=2.0,
        num_sweeps=3,
        seed=0,
    )
    rows = np.resize(np.arange(5), 12)
    np.testing.assert_array_equal(
        drawn.codes[:, [1, 4]], family.codes[rows][:, [1, 4]]
    )
    assert (drawn.codes != family.codes[rows]).any()
    again = sequences.design(
        rbm, 4, num_sweeps=3, seed=1, alphabet=sequences.RNA
    )
    assert again.shape == (4, SITES)
    for arguments, message in (
        ({"keep": [0]}, "`keep` needs a `start`"),
        ({"keep": [7], "start": family}, "from 0 to 6"),
        ({"alphabet": sequences.PROTEIN}, "visible units of the alignment"),
        ({"start": family, "inverse_temperature": 0}, "inverse_temperature"),
    ):
        given = {"alphabet": sequences.RNA} | arguments
        with pytest.raises(ValueError, match=message):
            sequences.design(rbm, 4, num_sweeps=3, **given)


def test_sequences_start_from_the_fantasy_particles(rbm, family):
    """Columns that are kept have the letters of the particles."""
    hot = np.asarray(rbm.fantasy_particles).reshape(10, SITES, 5)
    drawn = sequences.design(
        rbm,
        25,
        start="chains",
        keep=range(SITES),
        num_sweeps=1,
        alphabet=sequences.RNA,
    )
    expected = np.resize(hot.argmax(axis=-1), (25, SITES))
    np.testing.assert_array_equal(drawn.codes, expected)
    given = {"start": "chains", "seed": 0, "alphabet": sequences.RNA}
    drawn = sequences.design(rbm, 25, num_sweeps=2, **given).codes
    for sweeps, rows in ((2, drawn[:10]), (4, drawn[10:20])):
        expected = sequences.design(rbm, 10, num_sweeps=sweeps, **given).codes
        np.testing.assert_array_equal(rows, expected)  # The chains continue.
    few = sequences.design(rbm, 3, num_sweeps=2, **given)
    assert few.shape == (3, SITES)
    with pytest.raises(ValueError, match="visible units of the alignment"):
        sequences.design(rbm, 4, start="chains")
    with pytest.raises(ValueError, match=r"an Alignment, .* start='a\.fasta'"):
        sequences.design(rbm, 4, start="a.fasta", alphabet=sequences.RNA)
    without = RBM(family.units, 4, ContrastiveDivergence())
    with pytest.raises(ValueError, match="chain=ContrastiveDivergence"):
        sequences.design(without, 4, start="chains", alphabet=sequences.RNA)


@pytest.mark.parametrize("name", ["Tempered", "TrajectoryTempering"])
def test_any_sampler_draws_sequences(rbm, name):
    """Other samplers have the distribution of Gibbs sampling."""

    def frequencies(**given):
        drawn = sequences.design(
            rbm,
            4000,
            num_sweeps=20,
            inverse_temperature=1.5,
            seed=0,
            alphabet=sequences.RNA,
            **given,
        )
        return drawn.one_hot()[:].mean(axis=0)

    if name == "Tempered":
        given = {"sampler": Tempered(3), "hold_hidden": {0: 1.0}}
        expected = frequencies(hold_hidden={0: 1.0})
    else:
        given = {"sampler": TrajectoryTempering([rbm.base_machine()])}
        expected = frequencies()
    error = 5 * np.sqrt(2 * 0.25 / 4000)
    np.testing.assert_allclose(frequencies(**given), expected, atol=error)


def test_a_wrong_sampler_of_sequences_is_refused(rbm):
    with pytest.raises(ValueError, match="`sampler` must be a sampler"):
        sequences.design(rbm, 4, sampler="Tempered", alphabet=sequences.RNA)


def test_cold_sequences_are_more_probable(rbm):
    def mean(beta):
        drawn = sequences.design(
            rbm,
            200,
            inverse_temperature=beta,
            num_sweeps=50,
            seed=0,
            alphabet=sequences.RNA,
        )
        return np.mean(rbm.free_energy(drawn.one_hot()[:]))

    assert mean(3.0) < mean(1.0) - 0.5


def test_a_model_learns_from_sequences_with_missing_entries():
    strings = ["ACGUX", "ACGUA", "AXGUA", "-CGUC"] * 8
    family = Alignment.from_strings(
        strings,
        alphabet=sequences.Alphabet("-ACGU", "X"),
        unknown="missing",
    )
    assert family.unknown == 16
    rbm = RBM(family.units, 3, PersistentChain(8), seed=0)
    with eager.updates():
        rbm.compile(keras.optimizers.SGD(0.1))
        rbm.fit(family.one_hot(), batch_size=8, updates=4, verbose=0)
    assert np.isfinite(rbm.kernel).all()
    assert np.isfinite(rbm.log_likelihood(family.one_hot()).lower)


def test_correlations(family):
    """Against means of products of centred one-hot columns."""
    w = np.random.default_rng(2).random(60)
    other = family[::2]
    found = sequences.compare_correlations(family, other, w, num_triples=1)
    hot = np.asarray(family.one_hot()[:], "float64")
    share = w / w.sum()
    mean = share @ hot
    np.testing.assert_allclose(found[0].data, mean, atol=1e-6)
    centred = hot - mean
    second = (centred * share[:, None]).T @ centred
    by_site = second.reshape(SITES, 5, SITES, 5)
    i, j = np.triu_indices(SITES, 1)
    np.testing.assert_allclose(
        found[1].data, by_site[i, :, j].ravel(), atol=1e-6
    )
    triple = np.random.default_rng(0).choice(SITES, 3, replace=False)
    a, b, c = centred.reshape(-1, SITES, 5)[:, triple].transpose(1, 0, 2)
    third = np.einsum("s,sa,sb,sc->abc", share, a, b, c)
    np.testing.assert_allclose(found[2].data, third.ravel(), atol=1e-6)
    same = sequences.compare_correlations(family, family)
    assert all(np.isclose(own.correlation, 1) for own in same)
    with pytest.raises(ValueError, match="must have the columns"):
        sequences.compare_correlations(family, family.columns([0, 1, 2]))


def test_letters_of_a_logo_are_as_high_as_their_values():
    heights = np.array([[0.0, 1.0, 0.5, 0.0, -0.25], [0.0, 0.0, 0.0, 2.0, 0.0]])
    (axes,) = pictures.draw_logo(heights, sequences.RNA).axes
    (letters,) = axes.collections
    boxes = [path.get_extents() for path in letters.get_paths()]
    # A on C, and U below 0, in the first column; G in the second.
    expected = [
        *((0.0, 0.0, 0.5), (0.0, 0.5, 1.5), (0.0, -0.25, 0.0)),
        (1.0, 0.0, 2.0),
    ]
    found = [(box.x0 + 0.45, box.y0, box.y1) for box in boxes]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose([box.width for box in boxes], 0.9)


def test_a_contact_map_takes_another_correction(rbm):
    pairs = couplings.effective(rbm.machine()).pairs
    norms = sequences.frobenius_norms(pairs, exclude=[0])
    correction = sequences.median_product_correction
    found = sequences.contact_map(rbm.machine(), correction=correction)
    np.testing.assert_allclose(found, correction(norms), atol=1e-6)
    assert not np.allclose(found, sequences.contact_map(rbm.machine()))


def test_pictures(rbm, family, tmp_path):
    scores = sequences.contact_map(rbm.machine())
    distances = np.full((SITES, SITES), np.nan)
    distances[0, 6] = distances[6, 0] = 4.0
    sequences.family_logo(tmp_path / "family.png", family)
    sequences.hidden_unit_logo(tmp_path / "unit.png", rbm, 1, family, 3)
    sequences.contact_picture(tmp_path / "contacts.png", scores, distances)
    sequences.principal_axes(
        tmp_path / "axes.png", family, family[:9], np.arange(9), "number"
    )
    found = sequences.compare_correlations(family, family[:20])
    sequences.correlation_picture(tmp_path / "correlations.png", found)
    scan = sequences.mutation_scan(rbm, family)
    sequences.mutation_picture(tmp_path / "scan.png", scan)
    drawn = sorted(tmp_path.glob("*.png"))
    assert len(drawn) == 6
    for path in drawn:
        pixels = image.imread(path)[:, :, :3]
        assert np.ptp(pixels) > 0.5
        assert pixels.shape[1] >= 800
    with pytest.raises(ValueError, match="`unit` must be from 0 to 3"):
        sequences.hidden_unit_logo(tmp_path / "a.png", rbm, 4, family)
    with pytest.raises(ValueError, match="`heights` must be finite"):
        sequences.logo(tmp_path / "a.png", np.ones((2, 3)), sequences.RNA)


def test_a_conserved_column_has_all_its_bits():
    family = Alignment.from_strings(["AC", "AG", "AU", "A-"] * 500)
    heights = sequences.information(family, pseudocount=1e-6)
    assert np.isclose(heights[0].sum(), np.log2(21), atol=1e-3)
    assert np.isclose(heights[1].sum(), np.log2(21) - np.log2(3), atol=0.5)


@pytest.mark.parametrize("visible", [Softmax(3, 5), Bernoulli(6)], ids=str)
def test_files_of_rbms_keep_the_scores(visible, tmp_path):
    path = tmp_path / "RBM.h5"
    rbm = RBM(visible, 4, PersistentChain(6), seed=0)
    rng = np.random.default_rng(0)
    rbm.visible_params["bias"].assign(rng.normal(size=visible.width))
    rbm.hidden_params["bias"].assign(rng.normal(size=4))
    sequences.write_rbms(path, rbm, update=7)
    same = sequences.read_rbms(path, seed=0)
    index = np.arange(visible.num_joint_states)
    v = np.asarray(visible.joint_states(index))
    np.testing.assert_allclose(
        same.free_energy(v), rbm.free_energy(v), atol=1e-5
    )
    with h5py.File(path) as file:
        kernel = file["update_7/params/weight_matrix"]
        potts = isinstance(visible, Softmax)
        assert kernel.shape == ((3, 5, 4) if potts else (6, 4))
        assert file["parallel_chains"].shape == (6, 3 if potts else 6)
    with pytest.raises(ValueError, match=r"one of \[7\]"):
        sequences.read_rbms(path, update=8)


@pytest.mark.parametrize("visible", [Softmax(3, 5), Bernoulli(6)], ids=str)
def test_files_of_rbms_keep_the_particles(visible, tmp_path, monkeypatch):
    path = tmp_path / "RBM.h5"
    rbm = RBM(visible, 4, PersistentChain(6), seed=0)
    sequences.write_rbms(path, rbm)
    rows, start_chain = [], RBM.start_chain

    def watched(model, v=None):
        rows.append(v)
        start_chain(model, v)

    monkeypatch.setattr(RBM, "start_chain", watched)
    assert sequences.read_rbms(path).chain.num_chains == 6
    np.testing.assert_array_equal(rows[-1], rbm.fantasy_particles)
    few = sequences.read_rbms(path, chain=PersistentChain(2))
    np.testing.assert_array_equal(rows[-1], rbm.fantasy_particles)
    assert len(few.fantasy_particles) == 2
    many = sequences.read_rbms(path, chain=PersistentChain(7))
    assert len(many.fantasy_particles) == 7
    without = sequences.read_rbms(path, chain=ContrastiveDivergence())
    assert without.fantasy_particles is None
    with h5py.File(path, "r+") as file:
        file["parallel_chains"][0, 0] = 5
    with pytest.raises(ValueError, match="parallel_chains have"):
        sequences.read_rbms(path)


def test_other_files_and_units_are_refused(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(ValueError, match="file of the package rbms"):
        sequences.read_rbms(path)
    with pytest.raises(ValueError, match="Softmax or Bernoulli visible"):
        sequences.write_rbms(path, RBM(Gaussian(3), 2))


def test_a_family_for_a_run_is_drawn_by_its_weights(tmp_path):
    path = tmp_path / "a.fasta"
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 5, size=(100, 20))
    codes[:50] = codes[0]  # Copies, which count as one.
    sequences.write_fasta(path, Alignment(codes, alphabet=sequences.RNA))
    data = sequences.family(path, "rna", test_size=0.2)
    assert data.visible == Softmax(20, 5)
    assert len(data.test) == 20
    assert data.train.shape == (80, 100)
    copies = (data.train[:].reshape(-1, 20, 5).argmax(2) == codes[0]).all(1)
    assert copies.mean() < 0.06
    plain = sequences.family(path, "rna", identity=None)
    copies = (plain.train[:].reshape(-1, 20, 5).argmax(2) == codes[0]).all(1)
    assert copies.sum() == 50
    with pytest.raises(ValueError, match="`alphabet` must be one of"):
        sequences.family(path, "amino")


@pytest.fixture
def starts(monkeypatch):
    """The starts and numbers of sweeps of all samples that figures draw."""
    found = []

    def watched(model, count, start, num_sweeps, **given):
        found.append((start, num_sweeps))
        return sequences.design(
            model, count, start, num_sweeps=num_sweeps, **given
        )

    monkeypatch.setattr(runs, "design", watched)
    return found


def test_figures_of_a_run(rbm, family, tmp_path, starts):
    path = tmp_path / "a.fasta"
    sequences.write_fasta(path, family)
    data = sequences.family(path, "rna", identity=None)
    figure = sequences.FamilyFigures("rna", 20, num_sweeps=3, num_units=2)
    figure.check(rbm, data)
    figure(rbm, data, tmp_path)
    # Ten particles give two samples each, in three sweeps or one more.
    assert starts == [("chains", 2)]
    drawn = sequences.read(tmp_path / "samples.fasta", sequences.RNA)
    assert drawn.shape == (20, SITES)
    scores = dict(part.split("=") for part in drawn.names[0].split()[1:])
    found = rbm.log_likelihood(drawn[:1].one_hot())
    assert np.isclose(float(scores["log_p_lower"]), found.lower, atol=0.01)
    assert np.isclose(float(scores["log_p_upper"]), found.upper, atol=0.01)
    assert "minus_F" in scores
    assert len(list(tmp_path.rglob("*.png"))) == 7
    with open(tmp_path / "contacts.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == SITES * (SITES - 1) // 2
    assert all(int(row["position_i"]) == int(row["i"]) for row in rows)
    with open(tmp_path / "mutations.csv", newline="") as file:
        assert "log_p_lower" in next(csv.DictReader(file))
    with pytest.raises(ValueError, match="21 categories"):
        sequences.FamilyFigures("protein").check(rbm, data)


def test_positions_of_a_reference_reach_the_files(family, tmp_path, starts):
    """Columns without a letter of the reference go, and numbers stay its."""
    rbm = RBM(family.units, 4, ContrastiveDivergence(), seed=0)
    path = tmp_path / "a.fasta"
    codes = np.maximum(family.codes, 1)
    codes = np.insert(codes, 3, 2, axis=1)
    codes[7, 3] = 0  # A gap of the reference.
    names = [f"s{number}" for number in range(60)]
    whole = Alignment(codes, names, alphabet=sequences.RNA)
    sequences.write_fasta(path, whole)
    data = sequences.family(
        path, "rna", identity=None, reference="s7", first_position=11
    )
    np.testing.assert_array_equal(data.positions, 11 + np.arange(SITES))
    assert data.width == SITES * 5
    figure = sequences.FamilyFigures("rna", 20, num_sweeps=3, num_units=0)
    figure(rbm, data, tmp_path)
    assert starts == [(None, 3)]
    for name, columns in (("contacts", "ij"), ("mutations", None)):
        with open(tmp_path / f"{name}.csv", newline="") as file:
            row = next(csv.DictReader(file))
        if columns:
            for own in columns:
                assert int(row[f"position_{own}"]) == int(row[own]) + 10
        else:
            assert int(row["position"]) == int(row["column"]) + 10


def test_pictures_of_a_family_in_tensorboard(rbm, family, tmp_path):
    path = tmp_path / "a.fasta"
    sequences.write_fasta(path, family)
    data = sequences.family(path, "rna", identity=None)
    figure = sequences.FamilyFigures("rna", num_units=2)
    (shown,) = figure.displays(data, tmp_path / "logs", every=3)
    shown.set_model(rbm)
    shown.on_train_begin()
    shown.on_epoch_end(0)
    shown.on_train_end()
    tags = set()
    for file in (tmp_path / "logs" / "train").glob("events*"):
        for record in tf.data.TFRecordDataset(str(file)):
            event = event_pb2.Event.FromString(record.numpy())
            tags |= {value.tag for value in event.summary.value}
    names = ["contacts", "family_logo", "logo_0", "logo_1"]
    if rbm.fantasy_particles is not None:
        names += ["principal_axes", "correlations"]
    assert tags == {f"1 Images/{name}" for name in names}
    with pytest.raises(ValueError, match="`num_units` must be"):
        sequences.FamilyPictures(tmp_path, family, num_units=-1)


def test_measures_of_a_family_in_tensorboard(family, tmp_path):
    rbm = RBM(family.units, Bernoulli(2), PersistentChain(10), seed=0)
    distances = np.full((SITES, SITES), 9.0)
    distances[0, 6] = 1.0
    measures = sequences.FamilyMeasures(tmp_path, family, None, distances)
    measures.set_model(rbm)
    with pytest.raises(ValueError, match="of which 3 have"):
        measures.measure(1)  # 7 columns have 3 pairs far enough apart.
    measures.distances = None
    found = measures.measure(1)
    assert found.keys() == {
        f"3 Chains/correlation_of_{name}"
        for name in ("frequencies", "pairs", "triples")
    }
