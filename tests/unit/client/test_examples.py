"""What documentation says is what the code does: the page of the command line, and examples in docstrings."""

import doctest
import pkgutil
from importlib import import_module

import pytest
from scripts.cli_docs import PAGE, page

import fanfold_core.domain

MODULES = [module.name for module in pkgutil.iter_modules(fanfold_core.domain.__path__, "fanfold_core.domain.")]


def test_the_page_of_the_command_line_is_that_of_the_commands() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again: .venv/bin/python scripts/cli_docs.py"


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_the_domain_come_out_as_they_say(module: str) -> None:
    assert doctest.testmod(import_module(module)).failed == 0
