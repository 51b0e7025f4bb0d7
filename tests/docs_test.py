"""The Python blocks of README.md and docs/ run as they stand."""

import pathlib
import re

import keras
import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.fixture
def forgotten():
    """What a page registers is not what other tests have of that name."""
    known = keras.saving.get_custom_objects()
    before = dict(known)
    yield
    known.clear()
    known.update(before)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page)], ids=lambda p: p.name
)
@pytest.mark.usefixtures("forgotten")
def test_the_blocks_of_a_page_run_one_after_the_other(
    page, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    names = {}
    for number, block in enumerate(blocks(page)):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)
    if "samples" in names:
        assert names["samples"].shape == (16, 64)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
