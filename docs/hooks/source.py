"""Lines of the source in the pages: a link that stands alone becomes code.

    [keras_rbm.machine.free_energy](../keras_rbm/machine.py)

is a link where a page is read as it is, and in the site the source of that
function, taken from the file at each build: it is never stale, and a name that
is gone is an error. A link to a config becomes the config.
"""

import ast
import pathlib
import re
import textwrap

ROOT = pathlib.Path(__file__).parents[2]
LINK = re.compile(
    r"^\[(keras_rbm(?:\.\w+)+|configs/\w+\.gin)\]\(([./\w]+)\)$", re.MULTILINE
)


def with_sources(text, page):
    """Puts the source in the place of each link that stands alone.

    Args:
        text: Markdown.
        page: Path of the file that it is of.

    Returns:
        The Markdown with blocks of code.

    Raises:
        ValueError: If a link leads to another file than its text says.
    """

    def block(link):
        name, path = link.groups()
        config = name.endswith(".gin")
        file, source = whole(name) if config else lines(name)
        if (page.parent / path).resolve() != file:
            raise ValueError(f"{name} is not in {path}, but in {file}")
        title = file.relative_to(ROOT)
        language = "text" if config else "python"
        return f'```{language} title="{title}"\n{source}\n```'

    return LINK.sub(block, text)


def whole(name):
    """A file, by its path from the root of the repository, and its text."""
    file = ROOT / name
    return file, file.read_text(encoding="utf-8").rstrip("\n")


def lines(name):
    """The file of a dotted name, and its source without docstrings.

    Args:
        name: Such as `keras_rbm.gibbs.sweep`, or a method of a class.

    Returns:
        The tuple of a `pathlib.Path` and a string.

    Raises:
        LookupError: If there is no such name.
    """
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        file = ROOT.joinpath(*parts[:end]).with_suffix(".py")
        if file.is_file():
            break
    else:
        raise LookupError(f"There is no file of {name}")
    text = file.read_text(encoding="utf-8")
    node = ast.parse(text)
    for part in parts[end:]:
        found = [x for x in node.body if getattr(x, "name", None) == part]
        if not found:
            raise LookupError(f"{file} has no {part}")
        node = found[0]
    if isinstance(node, ast.Module):
        raise LookupError(f"{name} is a file: name something in it")
    first = min([node.lineno, *(x.lineno for x in node.decorator_list)])
    dropped = {
        number
        for x in ast.walk(node)
        if isinstance(x, ast.FunctionDef | ast.ClassDef)
        and ast.get_docstring(x)
        for number in range(x.body[0].lineno, _after(x) + 1)
    }
    rows = text.splitlines()
    kept = [
        rows[number - 1]
        for number in range(first, node.end_lineno + 1)
        if number not in dropped
    ]
    return file, textwrap.dedent("\n".join(kept)).strip("\n")


def _after(node):
    """The last line of a docstring and of the empty ones after it."""
    if len(node.body) == 1:
        return node.body[0].end_lineno
    following = node.body[1]
    decorators = getattr(following, "decorator_list", [])
    return min([following.lineno, *(x.lineno for x in decorators)]) - 1
