"""What skace promises by name: exports, docstrings, and an import that stays light."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib
import inspect
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from numpydoc.validate import validate

import skace

ROOT = Path(skace.__file__).parents[1]
HEAVY = ["torch", "transformers", "sentence_transformers", "matplotlib", "pandas", "polars"]

# A name that comes, goes or moves has to be written down here, and so is noticed in review.
EXPORTS = {
    "skace": ["Catalog", "Interactions"],
    "skace.data": [],
}


def _public_packages():
    found = ["skace"]
    for module in pkgutil.iter_modules(skace.__path__, "skace."):
        if not module.name.split(".")[-1].startswith("_"):
            found.append(module.name)
    return sorted(found)


def _documented_names():
    """Every public class, function, method and property, by the path a user would type."""
    names = {}
    for package in _public_packages():
        module = importlib.import_module(package)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                names.setdefault(thing, f"{package}.{name}")
                names |= _own_members(thing, f"{package}.{name}") if inspect.isclass(thing) else {}
    return sorted(set(names.values()))


def _own_members(cls, path):
    """Public members that skace wrote itself; scikit-learn answers for its own."""
    members = {}
    for name, member in inspect.getmembers(cls):
        function = member.fget if isinstance(member, property) else inspect.unwrap(member)
        module = getattr(function, "__module__", None) or ""
        if not name.startswith("_") and callable(function) and module.startswith("skace"):
            members[(cls, name)] = f"{path}.{name}"
    return members


def _ignored_checks():
    """What the linter ignores, less what it only cannot see."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    checks = set(config["tool"]["numpydoc_validation"]["checks"])
    return checks - {"all", "PR01", "PR02", "RT01"}


def test_every_public_package_is_in_the_snapshot():
    assert _public_packages() == sorted(EXPORTS)


@pytest.mark.parametrize("package", _public_packages())
def test_exports_are_those_of_the_snapshot(package):
    assert importlib.import_module(package).__all__ == EXPORTS[package]


@pytest.mark.parametrize("package", _public_packages())
def test_every_export_exists(package):
    module = importlib.import_module(package)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize("name", _documented_names())
def test_docstring_is_complete(name):
    faults = [fault for fault in validate(name)["errors"] if fault[0] not in _ignored_checks()]
    assert faults == []


@pytest.mark.parametrize("package", _public_packages())
def test_import_loads_nothing_heavy(package):
    code = f"import sys, {package}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []
