"""What pyproject.toml cannot say: the configs are part of the command."""

from setuptools import find_packages, setup

COMMAND = "keras_rbm_cli"

setup(
    packages=[*find_packages(include=["keras_rbm*"]), f"{COMMAND}.configs"],
    package_dir={f"{COMMAND}.configs": "configs"},
    package_data={
        f"{COMMAND}.configs": ["*.gin"],
        "keras_rbm": ["py.typed"],
        "keras_rbm.presets": ["*.keras", "*.md"],
    },
)
