"""The picture of the package's layers: `python docs/hooks/layers.py`.

It is drawn from the table of `tests/layering_test.py`, which enforces the
layers, and is a file of the repository.
"""

import pathlib
import runpy

ROOT = pathlib.Path(__file__).parents[2]
FILE = ROOT / "docs" / "images" / "layers.svg"
# Pixels: of a letter, around the words of a box, between boxes, of a line.
LETTER, PADDING, GAP, HEIGHT = 7.3, 9, 8, 34
LEFT, WIDTH = 96, 760
#: The first module of a group of layers, and the name of the group.
GROUPS = {
    "checkpoints": "helpers",
    "units": "pure",
    "chains": "models",
    "callbacks": "uses",
}
# What every layer uses, and nobody looks for in a picture.
HIDDEN = {"typing", "version", "compiled", "checks"}


def lines():
    """The layers, the lowest last: lists of the modules that are shown."""
    layers = runpy.run_path(str(ROOT / "tests" / "layering_test.py"))["LAYERS"]
    return [[name for name in layer if name not in HIDDEN] for layer in layers]


def svg():
    """The text of the picture."""
    parts, y = [], 8
    for names in lines():
        group = next((GROUPS[name] for name in names if name in GROUPS), None)
        if group:
            y += 6
            parts.append(
                f'<text x="8" y="{y + 18}" font-weight="bold">{group}</text>'
            )
        if not names:
            continue
        x = LEFT
        for name in names:
            width = round(LETTER * len(name)) + 2 * PADDING
            if x + width > WIDTH:
                x, y = LEFT, y + HEIGHT - 6
            parts.append(
                f'<rect x="{x}" y="{y}" width="{width}" height="26" rx="4" '
                'fill="#e8eaf6" stroke="#3949ab"/>'
                f'<text x="{x + width / 2}" y="{y + 17}" '
                f'text-anchor="middle">{name}</text>'
            )
            x += width + GAP
        y += HEIGHT
    body = "\n".join(parts)
    title = "Layers of keras_rbm: each imports from those above it"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{y}" viewBox="0 0 {WIDTH} {y}" role="img" '
        f'aria-label="{title}">\n<title>{title}</title>\n'
        f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>\n'
        '<g font-family="DejaVu Sans Mono,Menlo,monospace" font-size="12" '
        f'fill="#1a1a1a">\n{body}\n</g>\n</svg>\n'
    )


if __name__ == "__main__":
    FILE.write_text(svg(), encoding="utf-8")
