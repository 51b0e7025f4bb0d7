import numpy as np
import pytest
from matplotlib import image

from keras_rbm import sequences
from keras_rbm.sequences import Alignment, pictures
from tests.made_up_family import SITES


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
    for size in (SITES - 1, SITES + 1):
        with pytest.raises(ValueError, match="must have the shape of `scores`"):
            sequences.contact_picture(
                tmp_path / "a.png", scores, np.zeros((size, size))
            )
    with pytest.raises(ValueError, match="`heights` must be finite"):
        sequences.logo(tmp_path / "a.png", np.ones((2, 3)), sequences.RNA)


def test_missing_entries_have_no_principal_axes(family, tmp_path):
    codes = family.codes.copy()
    codes[0, 0] = -1
    missing = Alignment(codes, alphabet="rna")
    for pair, name in (
        ((missing, family), "alignment"),
        ((family, missing), "samples"),
    ):
        with pytest.raises(ValueError, match=f"`{name}` must have no missing"):
            sequences.principal_axes(tmp_path / "a.png", *pair)


def test_a_conserved_column_has_all_its_bits():
    family = Alignment.from_strings(["AC", "AG", "AU", "A-"] * 500)
    heights = sequences.information(family, pseudocount=1e-6)
    assert np.isclose(heights[0].sum(), np.log2(21), atol=1e-3)
    assert np.isclose(heights[1].sum(), np.log2(21) - np.log2(3), atol=0.5)
