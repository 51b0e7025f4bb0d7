import pytest

from keras_rbm_cli.errors import UserError
from keras_rbm_cli.sweep import grid


def test_all_combinations_the_last_name_the_fastest():
    axes = grid.axes(["RBM.hidden = [8, 16]", "seed=[0,1]"])
    assert axes == {"RBM.hidden": [8, 16], "seed": [0, 1]}
    points = grid.points(axes)
    assert [tuple(point.values()) for point in points] == [
        *((8, 0), (8, 1), (16, 0), (16, 1))
    ]
    assert grid.folders(points)[1] == "RBM.hidden=8,seed=1"
    assert grid.bindings(points[1]) == ["RBM.hidden = 8", "seed = 1"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["RBM.hidden"], "wants a binding"),
        (["= [1]"], "wants a binding"),
        (["3 = [1]"], "wants a binding"),
        (["RBM.hidden = 3"], "wants a list"),
        (["RBM.hidden = (1, 2)"], "wants a list"),
        (["RBM.hidden = [@SGD]"], "wants a list"),
        (["RBM.hidden = [1, 1e999]"], "wants a list"),
        (["RBM.hidden = [" + "[" * 5000], "wants a list"),
        (["RBM.hidden = []"], "empty list"),
        (["RBM.hidden = [1, 2, 1]"], "a value twice"),
        (["a.b = [1]", "a.b = [2]"], "'a.b' twice"),
    ],
)
def test_what_is_no_list_is_refused(words, complaint):
    with pytest.raises(UserError, match=complaint):
        grid.axes(words)


def test_folders_are_short_plain_and_different():
    values = ["a/b", "a b", "..", "x" * 500, "x" * 501, {1: [2]}]
    names = grid.folders(grid.points({"layer_1/data.name": values}))
    assert len(set(names)) == len(values)
    for name in names:
        assert "/" not in name
        assert len(name) < 130
    assert names[:2] == ["layer_1_data.name=a_b", "layer_1_data.name=a_b-2"]


def test_values_of_an_axis_are_told_in_one_type():
    kinds = grid.told(
        {
            "a": [1, 2],
            "b": [1, 0.5],
            "c": [True, False],
            "d": [None, 1],
            "e": ["x"],
            "f": [True, 2],
        }
    )
    assert list(kinds.values()) == [int, float, bool, str, str, str]
