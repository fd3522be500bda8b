"""How Sphinx makes pages of this folder: `make docs`."""

import re
from pathlib import Path

from pygments.lexers import BashLexer
from sphinx.application import Sphinx

_CODE = Path(__file__).parents[1] / "layers/core/src/fanfold_core/__init__.py"

project = "Fanfold"
copyright = "the authors of Fanfold, Apache-2.0"  # noqa: A001 - Sphinx calls it so
version = release = re.findall(r'^__version__ = "(.+)"', _CODE.read_text(encoding="utf-8"), re.MULTILINE)[0]

extensions = ["myst_parser"]
exclude_patterns = ["conf.py"]
# Links to headings are written as GitHub has them, so they work there, too.
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"Fanfold {version}"
# What a page shows is all there is to it: no sources beside it, no word on what made it.
html_copy_source = False
html_show_sphinx = False


def setup(app: Sphinx) -> None:
    """Colour commands that stand without a prompt, to be copied; Sphinx would take them for output."""
    app.add_lexer("console", BashLexer)
