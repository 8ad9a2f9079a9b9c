"""The examples in docstrings run, and every public name says what it is for."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import core

MODULES = [name for _, name, is_package in pkgutil.walk_packages(core.__path__, "core.") if name != "core.__main__"]


def members(module):
    """The public functions and classes that a module defines, and the public methods of those classes."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value) or inspect.isclass(value):
            yield name, value
        if inspect.isclass(value):
            for method, own in vars(value).items():
                is_method = inspect.isfunction(own) or isinstance(own, staticmethod | classmethod | property)
                if is_method and not method.startswith("_"):
                    yield f"{name}.{method}", getattr(value, method)


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_a_docstring(name):
    """A method that a class takes over from its base may leave it to the base."""
    module = importlib.import_module(name)
    assert module.__doc__
    assert [member for member, value in members(module) if not inspect.getdoc(value)] == []


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0


def test_every_verb_has_an_example():
    finder = doctest.DocTestFinder(recurse=False)
    verbs = [core.simulate, core.replicate, core.compare, core.sweep, core.verdict, core.replay, core.learn]
    verbs += [core.read_trace, core.diagnose, core.what_if, core.required_bandwidth]
    assert [verb.__name__ for verb in verbs if not any(test.examples for test in finder.find(verb))] == []
    for verb in verbs:
        assert all(section in verb.__doc__ for section in ("Args:", "Returns:", "Raises:", "Example:")), verb.__name__
