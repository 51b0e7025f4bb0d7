import pytest

from keras_rbm import budget


def test_a_run_has_20_000_updates_or_30_passes():
    assert budget.default_updates(13) == 20_000
    assert budget.default_updates(1718) == 51_540


@pytest.mark.parametrize(
    ("updates", "expected"),
    [(20_000, (20, 1000)), (7, (7, 1)), (51, (17, 3)), (23, (1, 23))],
)
def test_epochs_divide_the_updates(updates, expected):
    assert budget.epochs_of(updates) == expected


@pytest.mark.parametrize("updates", [0, -3, 2.5, True])
def test_wrong_numbers_are_refused(updates):
    with pytest.raises(ValueError, match="`updates` must"):
        budget.epochs_of(updates)


def test_calls_fill_an_epoch():
    assert budget.steps_per_execution(550) == 50
    assert budget.steps_per_execution(1020) == 34
    assert budget.steps_per_execution(7) == 7
    assert budget.steps_per_execution(1009) == 1


def test_the_last_call_of_an_epoch_may_be_smaller():
    assert budget.done(49, 75) == 50
    assert budget.done(99, 75) == 75
    assert budget.done(49, None) == 50
