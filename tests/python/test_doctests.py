"""The examples in docstrings run, wherever the package lies; those that need an extra skip where it is missing."""

import doctest
import importlib
import pkgutil
import sys

import pytest

import deeprmt

EXTRAS = {"matplotlib", "pandas", "rich", "safetensors", "sklearn", "torch"}
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


class Runner(doctest.DocTestRunner):
    """A runner to which a missing extra is no failure: the error that says how to install it ends the example."""

    missing_extra = None

    def report_unexpected_exception(self, out, test, example, exc_info):
        error = exc_info[1]
        absent = isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] in EXTRAS
        if absent or (isinstance(error, ImportError) and "deeprmt[" in str(error)):
            self.missing_extra = str(error)
        elif self.missing_extra is None:
            super().report_unexpected_exception(out, test, example, exc_info)


def names():
    return ["deeprmt", *(m.name for m in pkgutil.walk_packages(deeprmt.__path__, "deeprmt.") if "_core" not in m.name)]


def examples():
    for name in names():
        if name.endswith("__main__"):
            continue
        for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
            if test.examples:
                yield pytest.param(test, id=test.name)


@pytest.mark.parametrize("test", list(examples()))
def test_examples(test):
    report = []
    runner = Runner(optionflags=OPTIONS)
    failed, _ = runner.run(test, out=report.append)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    if runner.missing_extra:
        pytest.skip(runner.missing_extra)
    assert not failed, "".join(report)
