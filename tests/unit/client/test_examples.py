"""The examples in docstrings."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import fanfold_core.domain

MODULES = [module.name for module in pkgutil.iter_modules(fanfold_core.domain.__path__, "fanfold_core.domain.")]


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_the_domain_come_out_as_they_say(module: str) -> None:
    assert doctest.testmod(import_module(module)).failed == 0
