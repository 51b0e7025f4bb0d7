"""Pages of the site whose files lie outside of docs/."""

import os
import pathlib
import posixpath
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[2]
#: The page of the site, by its file in the repository.
OUTSIDE = {
    "README.md": "overview.md",
    "benchmarks/README.md": "benchmarks.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "CITATION.cff": "citation.md",
    "LICENSE": "license.md",
}
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Adds the files from outside."""
    for path, uri in OUTSIDE.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        if not path.endswith(".md"):
            title = path.partition(".")[0].capitalize()
            text = f"# {title}\n\n```text\n{text}```\n"
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown, page, **_):
    """Has links lead to pages of the site, as they lead to files."""
    uri = page.file.src_uri
    source = next(
        (path for path, to in OUTSIDE.items() if to == uri), f"docs/{uri}"
    )
    return LINK.sub(lambda link: _inside(link, source, uri), markdown)


def _inside(link, source, uri):
    target, anchor = link.groups()
    path = os.path.normpath(posixpath.join(posixpath.dirname(source), target))
    if path.startswith("docs/"):
        to = path.removeprefix("docs/")
    elif path in OUTSIDE:
        to = OUTSIDE[path]
    else:
        return link[0]
    start = posixpath.dirname(uri) or "."
    return f"]({posixpath.relpath(to, start)}{anchor or ''})"
