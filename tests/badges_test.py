"""Badges and the citation say what the package says of itself."""

import importlib.util
import pathlib
import re
import tomllib
import xml.etree.ElementTree

import pytest

import keras_rbm

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def load():
    path = ROOT / "docs" / "hooks" / "badges.py"
    spec = importlib.util.spec_from_file_location("badges", path)
    badges = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(badges)
    return badges


BADGES = load()
FOUND = BADGES.found()


def test_badges_say_what_the_package_needs():
    versions = FOUND["Python"].split(" | ")
    low, high = re.findall(r"3\.(\d+)", PROJECT["requires-python"])
    assert versions == [f"3.{minor}" for minor in range(int(low), int(high))]
    assert f"keras>={FOUND['Keras'].split()[0]}" in PROJECT["dependencies"]
    for extra in ("cpu", "gpu"):
        for line in PROJECT["optional-dependencies"][extra]:
            assert f">={FOUND['TensorFlow'].split()[0]}" in line
    assert FOUND["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("name", FOUND)
def test_a_badge_is_what_the_command_makes(name):
    text = BADGES.path(name).read_text()
    assert text == BADGES.svg(name, FOUND[name]), (
        "run `python docs/hooks/badges.py`"
    )
    shown = [x.text for x in xml.etree.ElementTree.fromstring(text).iter()]
    assert {name, FOUND[name]} < set(shown)
    # The address is absolute: a package index shows the README too.
    images = (
        "https://raw.githubusercontent.com/keras-rbm/keras-rbm/main/docs/images"
    )
    picture = f"![{name}: {FOUND[name]}]({images}/{BADGES.path(name).name})"
    assert picture in (ROOT / "README.md").read_text()


def test_the_citation_has_the_version():
    text = (ROOT / "CITATION.cff").read_text()

    def value(key):
        (found,) = re.findall(rf"^{key}: *(.+)$", text, re.MULTILINE)
        return found

    assert value("cff-version") == "1.2.0"
    assert value("version") == keras_rbm.__version__
    assert value("license") == PROJECT["license"]
    assert value("type") == "software"
    for key in ("message", "title"):
        assert value(key)
    lists = dict(re.findall(r"^(\w+):\n((?:  - .+\n)+)", text, re.MULTILINE))
    assert lists["authors"] == "  - name: The keras_rbm authors\n"
    keywords = lists["keywords"].replace("  - ", "").splitlines()
    assert keywords == PROJECT["keywords"]
