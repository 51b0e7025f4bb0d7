r"""Formulas as MathML, which browsers draw themselves: no script, no network.

`pymdownx.arithmatex` finds what stands between dollars; here LaTeX becomes
MathML. (Nothing is left for a script to do in the browser.)
"""

import html
import re

from latex2mathml import converter

FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL
)


def on_page_content(content, **_):
    """Turns all formulas of a page into MathML.

    Raises:
        ValueError: If a command is left over, which would be shown as it is.
    """
    return FORMULA.sub(_formula, content)


def _formula(found):
    tag, bracket, latex = found.groups()
    latex = html.unescape(latex).strip()
    display = "block" if bracket == "[" else "inline"
    mathml = converter.convert(latex, display=display)
    if "\\" in mathml or "&amp;" in mathml:
        raise ValueError(f"latex2mathml does not know all of {latex}")
    return f'<{tag} class="formula">{mathml}</{tag}>'
