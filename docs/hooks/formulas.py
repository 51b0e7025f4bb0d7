"""Formulas of docstrings, typeset.

Docstrings are written to be read in the source: `E(v, h) = -<v, W h>`. Here the
formula that one opens with becomes HTML, with sub- and superscripts, and
`<a, b>`, which HTML would take for a tag, has its angle brackets everywhere.
"""

import html
import re

try:
    from griffe import Extension
except ImportError:  # `typeset` needs nothing.
    Extension = object

SYMBOLS = {
    "Log": "log",  # A sentence begins with it.
    "Tau": "τ",
    "prod": "∏",
    "sum": "∑",
    "sqrt": "√",
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "lambda": "λ",
    "mu": "μ",
    "phi": "φ",
    "Phi": "Φ",
    "pi": "π",
    "rho": "ρ",
    "tau": "τ",
    "theta": "θ",
}
INNER = re.compile(r"<([^<>=`]+, [^<>=`]+)>")
LOOKS = re.compile(r"[~=^]|\b(log|exp|tanh|sigmoid|E|mean|sum)[(\[_]|\bp\(")
INDEX = r"\{[^}]*\}|\([^)]*\)|-?\w+(?:[/+-]\w+)*(?:\^\w+)?"
TOKEN = re.compile(
    "(?P<code>`[^`]*`)"
    "|(?P<name>(?!sum_|prod_|mean_)[A-Za-z]{3,}_[A-Za-z]{3,})"
    rf"|_(?P<low>{INDEX})|\^(?P<high>{INDEX})"
    r"|(?P<word>[A-Za-z]+(?:-[A-Za-z]{2,})*)|(?P<sign>\|\||>=|<=|.)"
)
SIGNS = {"||": "‖", ">=": "≥", "<=": "≤", "-": "−", "~": "∝", "*": "·"}


class Formulas(Extension):
    """Typesets the docstrings of all objects that are collected."""

    def on_instance(self, *, obj, **_):
        if obj.docstring is not None:
            obj.docstring.value = opened(obj.docstring.value)


def opened(text):
    """A docstring with its opening formula as HTML, if it has one."""
    text = INNER.sub(r"⟨\1⟩", text)
    first, line, rest = text.partition("\n")
    if not LOOKS.search(re.sub("`[^`]*`", "", first)):
        return text
    return f'<p class="formula">{typeset(first)}</p>\n{line}{rest}'


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
    if kind == "word":
        return _word(text)
    if kind == "name":
        return text
    return SIGNS.get(text, html.escape(text, quote=False))


def _word(text):
    if text in SYMBOLS:
        return SYMBOLS[text]
    if len(text) == 1 and text not in "aAI":  # Those may be English.
        return f"<i>{text}</i>"
    return text
