"""What the container files promise; none is built here."""

import fnmatch
import pathlib
import re
import subprocess
import tomllib
from importlib import metadata

import pytest
import yaml
from packaging import requirements

ROOT = pathlib.Path(__file__).parents[1]
DOCKERFILES = ["Dockerfile", "Dockerfile.gpu"]
REQUIREMENTS = (ROOT / "requirements.txt").read_text().splitlines()


def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def stages(dockerfile):
    """Instructions of each stage, as (name, arguments)."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / dockerfile).read_text(), flags=re.M)
    found = {}
    for line in text.replace("\\\n", " ").splitlines():
        name, _, arguments = line.strip().partition(" ")
        if not found and name != "FROM":
            continue  # The base's name, before any stage.
        if name == "FROM":
            _, stage = arguments.split(" AS ")
            found[stage] = []
        if name:
            found[stage].append((name, arguments.strip()))
    return found


def images(dockerfile):
    """The stages that no other is made of."""
    found = stages(dockerfile)
    used = {
        word
        for instructions in found.values()
        for name, arguments in instructions
        for word in re.findall(
            r"^(\S+) AS" if name == "FROM" else r"--from=(\S+)", arguments
        )
    }
    return {name: found[name] for name in found if name not in used}


def test_compose_has_three_services_that_only_this_machine_reaches():
    services = compose()["services"]
    assert services.keys() == {"train", "tensorboard", "notebook"}
    ports = {name: s.get("ports", []) for name, s in services.items()}
    assert ports == {
        "train": [],
        "tensorboard": ["127.0.0.1:6006:6006"],
        "notebook": ["127.0.0.1:8888:8888"],
    }
    assert not any("network_mode" in s for s in services.values())


def test_compose_refuses_a_notebook_without_a_token():
    environment = compose()["services"]["notebook"]["environment"]
    # `:?` refuses what is not set and what is empty; `?` only the first.
    assert re.fullmatch(
        r"\$\{NOTEBOOK_TOKEN:\?[^}]+\}", environment["JUPYTER_TOKEN"]
    )
    assert (ROOT / "compose.yaml").read_text().count("TOKEN") == 2


def test_the_notebook_image_refuses_to_start_without_a_token():
    name, command = images("Dockerfile")["notebook"][-1]
    assert name == "CMD"
    check, _ = command.split("&&")
    for environment, refused in (
        ({}, True),
        ({"JUPYTER_TOKEN": ""}, True),
        ({"JUPYTER_TOKEN": "x"}, False),
    ):
        done = subprocess.run(
            ["sh", "-c", check], env=environment, capture_output=True
        )
        assert bool(done.returncode) == refused


def test_what_a_service_keeps_is_on_the_host():
    def volumes(name):
        found = compose()["services"][name]["volumes"]
        return {volume["target"]: volume for volume in found}

    for name in ("train", "tensorboard", "notebook"):
        runs = volumes(name)["/app/runs"]
        assert runs["source"] == "${RUNS:-./runs}"
        assert runs.get("read_only", False) == (name == "tensorboard")
        assert not runs["bind"]["create_host_path"]
        if name != "tensorboard":
            assert volumes(name)["/data"]["source"] == "${DATA:-./data}"
    assert (ROOT / volumes("notebook")["/app/notebooks"]["source"]).is_dir()


def test_the_services_are_images_of_the_dockerfile():
    for service in compose()["services"].values():
        assert service["build"]["target"] in images("Dockerfile")
        assert not service["user"].startswith(("0", "root"))


def kept(path):
    """Whether .dockerignore lets a path in: the last rule that fits decides."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    answer = True
    for rule in lines:
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!")
        parts = pathlib.PurePosixPath(path).parts
        prefixes = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
        anywhere = pattern.removeprefix("**/")
        if pattern in prefixes or any(
            fnmatch.fnmatchcase(prefix.rpartition("/")[2], anywhere)
            for prefix in prefixes
            if anywhere != pattern or "/" not in prefix
        ):
            answer = rule.startswith("!")
    return answer


@pytest.mark.parametrize(
    "path",
    [
        ".git/HEAD",
        ".venv/bin/python",
        "runs/mnist/model.keras",
        "data/train-images-idx3-ubyte",
        ".env",
        "tests/conftest.py",
        "keras_rbm/__pycache__/random.cpython-311.pyc",
        "keras_rbm/units/__pycache__/base.cpython-311.pyc",
    ],
)
def test_the_context_is_without(path):
    assert not kept(path)


def test_the_context_has_what_the_package_is_made_of():
    for path in (
        "requirements.txt",
        "pyproject.toml",
        "setup.py",
        "README.md",
        "LICENSE",
        "configs/digits.gin",
        "keras_rbm_cli/main.py",
        "keras_rbm/units/base.py",
        "keras_rbm/py.typed",
    ):
        assert kept(path), path
        assert (ROOT / path).exists()


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_images_end_as_a_user_who_is_not_root(dockerfile):
    assert list(images(dockerfile))[-1] == "train"
    for instructions in images(dockerfile).values():
        users = [text for name, text in instructions if name == "USER"]
        assert users
        assert users[-1] not in ("root", "0")


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_the_code_comes_after_the_packages(dockerfile):
    copied = [a for name, a in stages(dockerfile)["packages"] if name == "COPY"]
    assert copied == ["requirements.txt /opt/"]
    for instructions in images(dockerfile).values():
        after = instructions[
            instructions.index(
                ("COPY", "--from=code /opt/keras_rbm /opt/keras_rbm")
            )
            + 1 :
        ]
        assert not {"RUN", "COPY", "ADD"} & {name for name, _ in after}


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_versions_stand_in_requirements_and_the_base_has_a_tag(dockerfile):
    found = stages(dockerfile)
    bases = [stage[0][1].split()[0] for stage in found.values()]
    outside = {base for base in bases if base not in found}
    assert outside == {"$BASE"}
    assert "ARG BASE=python:3.11-slim\n" in (ROOT / dockerfile).read_text()
    runs = [a for s in found.values() for n, a in s if n == "RUN"]
    installs = [command for command in runs if "pip install" in command]
    for command in installs:
        assert "/opt/requirements.txt" in command or "--no-deps" in command
    assert not re.search(r"[=~>]=\s*\d", (ROOT / dockerfile).read_text())


def test_the_gpu_image_has_the_versions_of_requirements(tmp_path):
    [command] = [
        arguments
        for name, arguments in stages("Dockerfile.gpu")["packages"]
        if name == "RUN" and arguments.startswith("sed")
    ]
    path = tmp_path / "requirements.txt"
    path.write_text("\n".join(REQUIREMENTS) + "\n")
    sed, _ = command.replace("/opt/requirements.txt", str(path)).split("&&")
    subprocess.run(["sh", "-c", sed], check=True)
    found = path.read_text().splitlines()
    [tensorflow] = set(found) - set(REQUIREMENTS)
    version = re.search("^tensorflow==([^;]+);", "\n".join(REQUIREMENTS), re.M)
    assert tensorflow == f"tensorflow[and-cuda]=={version[1]}"
    left = {line for line in REQUIREMENTS if line not in found}
    assert {re.split("==", line)[0] for line in left} == {
        "tensorflow",
        "tensorflow-cpu",
    }


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_the_health_check_is_the_self_test(dockerfile):
    checks = [
        arguments
        for instructions in stages(dockerfile).values()
        for name, arguments in instructions
        if name == "HEALTHCHECK"
    ]
    assert len(checks) == 1
    assert "keras-rbm --self_test" in checks[0]


def test_jupyter_is_pinned_in_an_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["optional-dependencies"]["notebook"]:
        assert re.fullmatch(r"[\w-]+==[\d.]+", requirement)


def test_the_cuda_libraries_are_those_that_tensorflow_asks_for():
    """What `tensorflow[and-cuda]` brings, without installing its 3 GB."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [extra] = project["optional-dependencies"]["gpu"]
    asked = requirements.Requirement(extra)
    assert asked.extras == {"and-cuda"}
    try:
        tensorflow = metadata.distribution("tensorflow-cpu")
    except metadata.PackageNotFoundError:
        tensorflow = metadata.distribution("tensorflow")
    assert tensorflow.version in asked.specifier
    [pinned] = [
        requirements.Requirement(line)
        for line in REQUIREMENTS
        if line.startswith("tensorflow==")
    ]
    assert tensorflow.version in pinned.specifier
    needed = [requirements.Requirement(x) for x in tensorflow.requires]
    brought = {
        x.name: x.specifier
        for x in needed
        if x.marker and x.marker.evaluate({"extra": "and-cuda"})
        if x.name.startswith("nvidia-")
    }
    # CUDA 12.5 and cuDNN 9.3, as the guide says; a driver of CUDA 12 is enough.
    for name, oldest, other in (
        ("nvidia-cuda-runtime-cu12", "12.5.82", "13.0"),
        ("nvidia-cublas-cu12", "12.5.3.2", "13.0"),
        ("nvidia-cudnn-cu12", "9.3.0.75", "10.0"),
        ("nvidia-nccl-cu12", "2.27.7", "3.0"),
    ):
        assert oldest in brought[name]
        assert other not in brought[name]
    # Nothing else that is pinned gets into TensorFlow's way.
    pins = {
        x.name: x.specifier
        for x in map(requirements.Requirement, filter(is_pin, REQUIREMENTS))
    }
    for need in needed:
        if need.marker is None and need.name in pins:
            [pin] = pins[need.name]
            assert pin.version in need.specifier, need


def is_pin(line):
    """Whether a line of the requirements is no comment."""
    return "==" in line and not line.startswith("#")
