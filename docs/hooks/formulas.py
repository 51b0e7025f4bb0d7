"""Formulas of docstrings, typeset.

Docstrings are written to be read in the source: `E(v, h) = -<v, W h>`. Here the
formula that one opens with becomes HTML, with sub- and superscripts; `<a, b>`,
which HTML would take for a tag, has its angle brackets everywhere; and what
follows `Reference:` is a paragraph, where Google's style would see a section.
"""

import html
import re

try:
    from griffe import Extension
except ImportError:  # `typeset` needs nothing.
    Extension = object

# Names that HTML has for signs, and what they are called here.
GREEK = "alpha beta gamma lambda mu phi Phi pi rho tau theta prod sum".split()
SIGNS = {
    **{name: f"&{name};" for name in GREEK},
    **{"sqrt": "&radic;", "Tau": "&tau;", "Log": "log"},  # At the beginning.
    **{"||": "&Vert;", ">=": "&ge;", "<=": "&le;", "-": "&minus;"},
    **{"~": "&prop;", "*": "&middot;"},
}
INNER = re.compile(r"<([^<>=`]+, [^<>=`]+)>")
REFERENCE = re.compile(r"^Reference: (.*(?:\n +\S.*)*)", re.MULTILINE)
LOOKS = re.compile(r"[~=^]|\b(log|exp|tanh|sigmoid|E|mean|sum)[(\[_]|\bp\(")
INDEX = r"\{[^}]*\}|\([^)]*\)|-?\w+(?:[/+-]\w+)*(?:\^\w+)?"
TOKEN = re.compile(
    "(?P<code>`[^`]*`)"
    "|(?P<name>(?!sum_|prod_|mean_)[A-Za-z]{3,}_[A-Za-z]{3,})"
    rf"|_(?P<low>{INDEX})|\^(?P<high>{INDEX})"
    r"|(?P<word>[A-Za-z]+(?:-[A-Za-z]{2,})*)|(?P<sign>\|\||>=|<=|.)"
)


class Formulas(Extension):
    """Typesets the docstrings of all objects that are collected."""

    def on_instance(self, *, obj, **_):
        if obj.docstring is not None:
            obj.docstring.value = opened(obj.docstring.value)


def opened(text):
    """A docstring for the site, its opening formula, if it has one, as HTML."""
    text = REFERENCE.sub(_reference, INNER.sub(r"⟨\1⟩", text))
    first, line, rest = text.partition("\n")
    if not LOOKS.search(re.sub("`[^`]*`", "", first)):
        return text
    return f'<p class="formula">{typeset(first)}</p>{line}{rest}'


def _reference(found):
    return "**Reference:** " + " ".join(found[1].split())


def typeset(text):
    """HTML of a line of words and formulas."""
    return "".join(map(_token, TOKEN.finditer(INNER.sub(r"⟨\1⟩", text))))


def _token(found):
    kind, text = found.lastgroup, found[0]
    if kind == "code":
        return f"<code>{html.escape(text[1:-1])}</code>"
    if kind in ("low", "high"):
        inner, tag = found[kind], "sub" if kind == "low" else "sup"
        if inner[0] + inner[-1] in ("{}", "()"):
            inner = inner[1:-1]
        return f"<{tag}>{typeset(inner)}</{tag}>"
    if kind == "word" and len(text) == 1 and text not in "aAI":
        return f"<i>{text}</i>"  # But for what may be English.
    return SIGNS.get(text, html.escape(text, quote=False))
