"""The wheel holds the package, the command and the configs."""

import email
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

import keras_rbm

pytest.importorskip("setuptools", "77")
ROOT = pathlib.Path(__file__).parents[1]
PARTS = ("keras_rbm", "keras_rbm_cli", "configs")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of the sources, which leaves no build folder."""
    source = tmp_path_factory.mktemp("source")
    for name in PARTS:
        shutil.copytree(
            ROOT / name,
            source / name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for name in FILES:
        shutil.copy(ROOT / name, source)
    code = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (path,) = (source / "dist").iterdir()
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_all_modules_and_configs(wheel):
    expected = {"keras_rbm/py.typed"}
    for name in PARTS[:2]:
        expected |= {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / name).rglob("*.py")
        }
    expected |= {
        f"keras_rbm_cli/configs/{path.name}"
        for path in (ROOT / "configs").glob("*.gin")
    }
    assert "keras_rbm_cli/configs/mnist.gin" in expected
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_the_wheel_has_the_version_and_the_command(wheel):
    (info,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = email.message_from_bytes(wheel.read(info))
    assert metadata["Version"] == keras_rbm.__version__
    points = wheel.read(info.replace("METADATA", "entry_points.txt"))
    assert b"keras-rbm = keras_rbm_cli.main:console" in points
