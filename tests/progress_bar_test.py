import contextlib
import sys

import pytest

from keras_rbm import progress_bar
from keras_rbm.progress_bar import ProgressBar


class Screen:
    """Standard output that says whether it is a screen."""

    def __init__(self, isatty):
        self.written = ""
        self._isatty = isatty

    def isatty(self):
        return self._isatty

    def write(self, text):
        self.written += text

    def flush(self):
        pass


@pytest.fixture
def clock(monkeypatch):
    """Seconds, to be set."""
    seconds = [0.0]
    monkeypatch.setattr(progress_bar.time, "perf_counter", lambda: seconds[0])
    return seconds


@pytest.fixture(params=[False, True], ids=["file", "screen"])
def screen(request, monkeypatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    return Screen(request.param)


def run(screen, clock, verbose, step=2.0, steps=5):
    """Counts to ten, in so many steps of so many seconds."""
    with contextlib.redirect_stdout(screen):
        bar = ProgressBar(10, "Counting", verbose)
        for _ in range(steps):
            clock[0] += step
            bar.add(10 // steps)


def test_what_takes_long_has_a_bar_on_a_screen(clock, screen):
    run(screen, clock, "auto")
    if not screen.isatty():
        assert screen.written == ""
    else:
        # From the fourth second on, and up to the end.
        assert screen.written.startswith("Counting\n")
        assert "4/10" in screen.written
        assert "10/10" in screen.written
        assert "2/10" not in screen.written


def test_in_a_file_it_has_one_where_that_is_asked_for(clock, screen):
    run(screen, clock, 1)
    assert screen.written.count("Counting") == 1
    assert "10/10" in screen.written


def test_a_notebook_is_a_screen(clock, screen, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", None)
    run(screen, clock, "auto")
    assert "10/10" in screen.written


@pytest.mark.parametrize("verbose", ["auto", 0, 1])
def test_what_is_soon_over_has_none(clock, screen, verbose):
    run(screen, clock, verbose, step=0.5)
    assert screen.written == ""
    # Nor what is over before there is anything to show.
    run(screen, clock, verbose, step=60.0, steps=1)
    assert screen.written == ""


def test_none_is_none(clock, screen):
    run(screen, clock, 0, step=60.0)
    assert screen.written == ""


@pytest.mark.parametrize("verbose", [2, "1", None, -1])
def test_verbose_is_one_of_three(verbose):
    with pytest.raises(
        ValueError, match=rf'"auto", 0 or 1\. Received: verbose={verbose!r}$'
    ):
        ProgressBar(10, "Counting", verbose)
