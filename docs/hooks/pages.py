"""Pages of the site that are not files of docs/, by mkdocs-gen-files.

- `OUTSIDE` of docs/ are the README's neighbours: contributing, changelog, ...
- The notebook becomes a page with its pictures, by nbconvert.
- Each class of `docs/api/` has a page of its own; functions stay where they
  are. `api/SUMMARY.md` is their navigation, for mkdocs-literate-nav.
- In all pages, links that lead to files lead to pages, and a link that stands
  alone becomes the source of what it names (`source.py`).
"""

import importlib
import inspect
import os
import pathlib
import posixpath
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path[:0] = [str(ROOT), str(DOCS / "hooks")]

import source  # noqa: E402

#: The page of the site, by its file in the repository.
OUTSIDE = {
    "benchmarks/README.md": "benchmarks.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "CITATION.cff": "citation.md",
    "LICENSE": "license.md",
    "docs/notebooks/rbm_in_ten_minutes.ipynb": "notebook.md",
}
#: What the site has in place of the README, which its first page repeats.
README = "index.md"
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(#[^)\s]*)?\)")
DIRECTIVE = re.compile(r"^::: (\S+)\n((?:    .*\n)*)", re.MULTILINE)


def pages():
    """The Markdown of all pages that are made here, by their addresses.

    Returns:
        Dict of the address and the tuple of the text and of the file that one
        edits to change it, from docs/ on.
    """
    found = {}
    for path in sorted(DOCS.rglob("*.md")):
        name = path.relative_to(DOCS).as_posix()
        found[name] = path.read_text("utf-8"), name
    for path, name in OUTSIDE.items():
        text = (
            notebook(ROOT / path)[0] if path.endswith("nb") else outside(path)
        )
        found[name] = text, os.path.relpath(ROOT / path, DOCS)
    for name, text in linked(found).items():
        found[name] = text, found[name][1]
    for group in groups():
        name = f"api/{group}.md"
        text, edited = found[name]
        overview, classes = split(group, text)
        found[name] = overview, edited
        found |= classes
    return found


def outside(path):
    """The Markdown of a file outside of docs/."""
    text = (ROOT / path).read_text("utf-8")
    if path.endswith(".md"):
        return text
    title = path.partition(".")[0].capitalize()
    return f"# {title}\n\n```text\n{text}```\n"


def notebook(path):
    """A notebook as Markdown, and its pictures by their names."""
    from nbconvert import MarkdownExporter

    text, resources = MarkdownExporter().from_filename(str(path))
    return text, resources["outputs"]


def linked(found):
    """The texts of pages with links to pages, and with sources."""
    where = {edited: name for name, (_, edited) in found.items()}
    texts = {}
    for name, (text, edited) in found.items():
        file = (DOCS / edited).resolve()
        text = source.with_sources(text, file)
        begin = file.parent

        def page(link, begin=begin, name=name):
            target, anchor = link.groups()
            path = pathlib.Path(os.path.normpath(begin / target))
            edited = os.path.relpath(path, DOCS)
            to = where.get(edited)
            if path == ROOT / "README.md":
                to = README
            if to is None and path.is_file() and path.is_relative_to(DOCS):
                to = edited  # A picture.
            if to is None:
                return link[0]
            start = posixpath.dirname(name) or "."
            return f"]({posixpath.relpath(to, start)}{anchor or ''})"

        texts[name] = LINK.sub(page, text)
    return texts


def groups():
    """Names of the pages of the reference, in the order of its overview."""
    text = (DOCS / "api" / "index.md").read_text("utf-8")
    return re.findall(r"\]\((\w+)\.md\)", text)


def split(group, text):
    """A page of the reference without its classes, and a page for each class.

    Args:
        group: Name of the page, such as `"models"`.
        text: Its Markdown.

    Returns:
        Tuple of the text, and of a dict as of `pages`.
    """
    pages, rows = {}, []

    def directive(found):
        path, options = found.groups()
        name = path.rpartition(".")[2]
        if not name[0].isupper():
            return found[0]
        thing = getattr(importlib.import_module(path.rpartition(".")[0]), name)
        edited = os.path.relpath(inspect.getfile(inspect.unwrap(thing)), DOCS)
        body = options or "    options:\n"
        text = f"::: {path}\n{body}      heading_level: 1\n"
        pages[f"api/{group}/{name}.md"] = text, edited
        line = inspect.getdoc(thing).partition("\n")[0]
        line = line.replace("|", "\\|").replace("<", "&lt;")
        rows.append(f"| [`{name}`]({group}/{name}.md) | {line} |\n")
        return ""

    rest = DIRECTIVE.sub(directive, text + "\n")
    if rows:
        head, title, tail = rest.partition("\n\n")
        paragraph, blank, functions = tail.partition("\n\n")
        table = "| class | |\n|---|---|\n" + "".join(rows)
        rest = "".join(
            [head, title, paragraph, "\n\n", table, blank, functions]
        )
    return re.sub(r"\n{3,}", "\n\n", rest), pages


def summary(found):
    """The navigation of the reference."""
    lines = ["* [Overview](index.md)"]
    for group in groups():
        title = found[f"api/{group}.md"][0].partition("\n")[0].lstrip("# ")
        lines += [f"* {title}", f"    * [Overview]({group}.md)"]
        names = (x for x in found if x.startswith(f"api/{group}/"))
        for name in names:
            label = posixpath.basename(name).removesuffix(".md")
            lines.append(f"    * [{label}]({group}/{label}.md)")
    return "\n".join(lines) + "\n"


def write():
    """Hands all pages to mkdocs-gen-files."""
    import mkdocs_gen_files

    found = pages()
    for name, (text, edited) in found.items():
        with mkdocs_gen_files.open(name, "w", encoding="utf-8") as file:
            file.write(text)
        mkdocs_gen_files.set_edit_path(name, edited)
    for path in OUTSIDE:
        if path.endswith("nb"):
            for name, content in notebook(ROOT / path)[1].items():
                with mkdocs_gen_files.open(name, "wb") as file:
                    file.write(content)
    with mkdocs_gen_files.open("api/SUMMARY.md", "w") as file:
        file.write(summary(found))


if __name__ == "<run_path>":  # As mkdocs-gen-files runs it.
    write()
