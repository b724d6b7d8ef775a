"""Every public class and function says how much may change."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import skace

POLICY = Path(skace.__file__).parents[1] / "docs" / "policy.rst"
LABEL = re.compile(r"^Stability: (\w+)\.$", flags=re.MULTILINE)
LEVELS = ["stable", "provisional", "experimental"]


def public_things():
    """Public classes and functions by the first path that leads to them."""
    modules = ["skace", *(name for _, name, _ in pkgutil.iter_modules(skace.__path__, "skace."))]
    found = {}
    for path in modules:
        if not path.split(".")[-1].startswith("_"):
            module = importlib.import_module(path)
            for name in module.__all__:
                thing = getattr(module, name)
                if inspect.isclass(thing) or inspect.isroutine(thing):
                    found.setdefault(thing, f"{path}.{name}")
    return {path: thing for thing, path in found.items()}


@pytest.mark.parametrize(("path", "thing"), public_things().items())
def test_docstring_has_one_label_of_its_own(path, thing):
    labels = LABEL.findall(inspect.cleandoc(vars(thing).get("__doc__") or thing.__doc__ or ""))
    assert len(labels) == 1, path
    assert labels[0] in LEVELS


@pytest.mark.parametrize("level", LEVELS)
def test_the_policy_says_what_each_label_promises(level):
    assert re.search(rf"^``{level}``$", POLICY.read_text(encoding="utf-8"), flags=re.MULTILINE)
