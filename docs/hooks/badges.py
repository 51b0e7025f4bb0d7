"""The badges of the README, from pyproject.toml: `python docs/hooks/badges.py`.

They are files of the repository: no service is asked, and none is told who
reads.
"""

import pathlib
import re
import tomllib

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "images"
# Widths in pixels: of a letter, roughly, and of the space beside words.
LETTER, SPACE = 6.6, 8
SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" \
role="img" aria-label="{name}: {value}">
<title>{name}: {value}</title>
<clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)">
<rect width="{left}" height="20" fill="#424242"/>
<rect x="{left}" width="{right}" height="20" fill="#3949ab"/>
</g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" \
text-anchor="middle">
<text x="{middle_left}" y="14" textLength="{length_left}">{name}</text>
<text x="{middle_right}" y="14" textLength="{length_right}">{value}</text>
</g>
</svg>
"""


def found():
    """What the badges say, `{name: value}`."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    prefix = "Programming Language :: Python :: "
    pythons = [
        line.removeprefix(prefix)
        for line in project["classifiers"]
        if line.startswith(prefix)
    ]
    needed = " ".join(
        [*project["dependencies"], *project["optional-dependencies"]["cpu"]]
    )
    return {
        "Python": " | ".join(pythons),
        "Keras": f"{_least('keras', needed)} or newer",
        "TensorFlow": f"{_least('tensorflow', needed)} or newer",
        "license": project["license"],
    }


def _least(package, needed):
    return re.search(rf"\b{package}>=([\d.]+)", needed)[1]


def svg(name, value):
    """The text of a badge."""
    lengths = [round(LETTER * len(text)) for text in (name, value)]
    left, right = (length + 2 * SPACE for length in lengths)
    return SVG.format(
        name=name,
        value=value,
        width=left + right,
        left=left,
        right=right,
        length_left=lengths[0],
        length_right=lengths[1],
        middle_left=left / 2,
        middle_right=left + right / 2,
    )


def path(name):
    """Where a badge is."""
    return FOLDER / f"badge_{name.lower()}.svg"


if __name__ == "__main__":
    for name, value in found().items():
        path(name).write_text(svg(name, value))
