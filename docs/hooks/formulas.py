"""Formulas of docstrings, typeset.

Docstrings are written to be read in the source: `E(v, h) = -<v, W h>`. Here the
formula that a docstring opens with becomes LaTeX, which the site sets as it
sets the formulas of all pages; `<a, b>`, which HTML would take for a tag, has
its angle brackets everywhere; and what follows `Reference:` is a paragraph,
where Google's style would see a section.
"""

import html
import re
import textwrap

try:
    from griffe import Extension
except ImportError:  # `latex` needs nothing.
    Extension = object

# A bar with spaces around it.
DIVIDES = "\N{DIVIDES}"
# Words that LaTeX has a sign for, and what it is.
GREEK = "alpha beta gamma lambda mu phi Phi pi rho tau theta prod sum".split()
FUNCTIONS = "log exp tanh cosh max min det".split()
SIGNS = {
    **{name: rf"\{name} " for name in [*GREEK, *FUNCTIONS]},
    **{"sqrt": r"\surd ", "Tau": r"\tau ", "Log": r"\log "},
    **{"||": r"\| ", ">=": r"\ge ", "<=": r"\le ", "~": r"\propto "},
    **{"*": r"\cdot ", "⟨": r"\langle ", "⟩": r"\rangle ", DIVIDES: r"\mid "},
    **{"{": r"\{", "}": r"\}", "%": r"\%", "#": r"\#", "&": r"\&"},
}
EXAMPLE = re.compile(
    r"^Example:\n((?:(?: {4}.*)?\n)*(?: {4}.*)?)", re.MULTILINE
)
SECTION = r"(\n(?:Args|Returns|Raises|Attributes|Yields):)"
# Lines with a blank one before and after them.
INDENTED = re.compile(r"\n\n((?: {4,}\S.*(?:\n|\Z))+)(?=\n|\Z)")
INNER = re.compile(r"<([^<>=`]+, [^<>=`]+)>")
REFERENCE = re.compile(r"^Reference: (.*(?:\n +\S.*)*)", re.MULTILINE)
LOOKS = re.compile(r"[~=^]|\b(log|exp|tanh|sigmoid|E|mean|sum)[(\[_]|\bp\(")
INDEX = r"\{[^}]*\}|\([^)]*\)|-?\w+(?:[/+-]\w+)*(?:\^\w+)?"
TOKEN = re.compile(
    "(?P<code>`[^`]*`)"
    "|(?P<name>(?!sum_|prod_|mean_)[A-Za-z]{3,}_[A-Za-z]{3,})"
    rf"|_(?P<low>{INDEX})|\^(?P<high>{INDEX})"
    r"|(?P<article>\b(?:[aAI])(?= [a-z]{2,}))"
    r"|(?P<word>[A-Za-z]+(?:-[A-Za-z]{2,})*)|(?P<space> +)"
    r"|(?P<sign>\|\||>=|<=|.)"
)


class Formulas(Extension):
    """Typesets the docstrings of all objects that are collected."""

    def on_instance(self, *, obj, **_):
        if obj.docstring is not None:
            obj.docstring.value = opened(obj.docstring.value)


def opened(text):
    """A docstring for the site, with its formulas set and its example fenced.

    Formulas are what it opens with, and what stands indented alone before the
    arguments.
    """
    text = EXAMPLE.sub(_fenced, text)
    text = REFERENCE.sub(_reference, INNER.sub(r"⟨\1⟩", text))
    words, section, rest = re.split(SECTION, text + "\nArgs:", maxsplit=1)[:3]
    words = INDENTED.sub(_displayed, words)
    text = (words + section + rest).removesuffix("\nArgs:")
    first, line, rest = text.partition("\n")
    if not LOOKS.search(re.sub("`[^`]*`", "", first)):
        return text
    return f'<p class="formula">{typeset(first)}</p>{line}{rest}'


def _fenced(found):
    code = textwrap.dedent(found[1]).strip("\n")
    return f"**Example:**\n\n```python\n{code}\n```\n\n"


def _displayed(found):
    lines = [line.strip() for line in found[1].splitlines()]
    if not all(map(LOOKS.search, lines)) or '"' in found[1]:
        return found[0]
    formulas = (f'\n\n<p class="formula">{typeset(x)}</p>' for x in lines)
    return "".join(formulas) + "\n"


def _reference(found):
    return "**Reference:** " + " ".join(found[1].split())


def typeset(text):
    """HTML of a line, in which all that is no word is LaTeX."""
    parts, run = [], []
    for token in [*_tokens(text), None]:
        if token is not None and not _is_text(token):
            run.append(token)
            continue
        parts.append(_formula("".join(found[0] for found in run)))
        run = []
        if token is not None:
            word = html.escape(token[0].strip("`"), quote=False)
            code = token.lastgroup in ("code", "name")
            parts.append(f"<code>{word}</code>" if code else word)
    return "".join(parts)


def _tokens(text):
    text = INNER.sub(r"⟨\1⟩", text).replace(" | ", DIVIDES)
    return list(TOKEN.finditer(text))


def _formula(text):
    """HTML of what stands between two words: a formula, or signs alone."""
    before, inner, after = re.fullmatch(
        r"([\s,;:]*)(.*?)([\s,;:.]*)", text, re.DOTALL
    ).groups()
    if not re.search(r"[A-Za-z=⟨~^]|[a-z]\(", inner):
        return html.escape(text.replace(DIVIDES, " | "), quote=False)
    formula = html.escape(latex(inner), quote=False)
    return rf'{before}<span class="arithmatex">\({formula}\)</span>{after}'


def latex(text):
    """LaTeX of a formula, which may have words in it."""
    tokens = _tokens(text)
    is_text = [_is_text(token) for token in tokens]
    parts = []
    for number, token in enumerate(tokens):
        if token.lastgroup == "space":
            beside = is_text[max(number - 1, 0) : number + 2]
            parts.append(r"\ " if any(beside) else " ")
        else:
            parts.append(_token(token, is_text[number]))
    return "".join(parts).strip()


def _is_text(found):
    kind, text = found.lastgroup, found[0]
    if kind == "word":
        return len(text) > 1 and text not in SIGNS
    return kind in ("code", "name", "article")


def _token(found, is_text):
    kind, text = found.lastgroup, found[0]
    if kind in ("low", "high"):
        inner = found[kind]
        if inner[0] + inner[-1] in ("{}", "()"):
            inner = inner[1:-1]
        return ("_" if kind == "low" else "^") + f"{{{latex(inner)}}}"
    if kind in ("code", "name"):
        inner = text.strip("`").replace("_", r"\_")
        return rf"\texttt{{{inner}}}"
    if is_text:
        return rf"\text{{{text}}}"
    return SIGNS.get(text, text)
