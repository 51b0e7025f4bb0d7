"""Wheel and source distribution: the package, the command and the configs."""

import email
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

import keras_rbm

pytest.importorskip("setuptools", "77")
ROOT = pathlib.Path(__file__).parents[1]
PARTS = ("keras_rbm", "keras_rbm_cli", "configs")
FILES = (
    *("pyproject.toml", "setup.py", "MANIFEST.in"),
    *("README.md", "LICENSE", "train.py"),
)


def built(source, kind):
    """What the backend makes of a folder of sources."""
    code = f"from setuptools import build_meta as b; b.build_{kind}('dist')"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (path,) = (source / "dist").iterdir()
    return path


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Copies the sources, where no build folder is left."""

    def copy():
        source = tmp_path_factory.mktemp("source")
        for name in PARTS:
            shutil.copytree(
                ROOT / name,
                source / name,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        for name in FILES:
            shutil.copy(ROOT / name, source)
        return source

    return copy


@pytest.fixture(scope="module")
def sdist(copy, tmp_path_factory):
    """The folder that the source distribution holds."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(built(copy(), "sdist")) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return source


@pytest.fixture(scope="module", params=["sources", "sdist"])
def wheel(request, copy):
    """The wheel of the sources, and that of the source distribution."""
    source = (
        copy()
        if request.param == "sources"
        else request.getfixturevalue("sdist")
    )
    with zipfile.ZipFile(built(source, "wheel")) as archive:
        yield archive


def test_the_source_distribution_holds_what_a_checkout_runs_by(sdist):
    assert sdist.name == f"keras_rbm-{keras_rbm.__version__}"
    paths = [ROOT / name for name in FILES]
    for part, kind in zip(PARTS, ("py", "py", "gin"), strict=True):
        paths += (ROOT / part).rglob(f"*.{kind}")
    paths += (ROOT / "keras_rbm" / "presets").glob("*.keras")
    assert ROOT / "configs" / "mnist.gin" in paths
    for path in paths:
        held = sdist / path.relative_to(ROOT)
        assert held.is_file(), held
        assert held.read_bytes() == path.read_bytes()


def test_the_wheel_holds_all_modules_and_configs(wheel):
    expected = {"keras_rbm/py.typed"}
    expected |= {
        f"keras_rbm/presets/{name}.{kind}"
        for name in keras_rbm.presets.PRESETS
        for kind in ("keras", "md")
    }
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
    # scikit-learn 1.6 is the first with `validate_data`.
    assert "scikit-learn>=1.6" in metadata.get_all("Requires-Dist")
    points = wheel.read(info.replace("METADATA", "entry_points.txt"))
    assert b"keras-rbm = keras_rbm_cli.main:console" in points
