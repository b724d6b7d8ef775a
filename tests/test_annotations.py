"""The package ships py.typed, so its public signatures carry types."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib
import inspect
import pkgutil

import pytest

import skace


def _packages():
    names = [f"skace.{module.name}" for module in pkgutil.iter_modules(skace.__path__)]
    return ["skace", *(name for name in names if not name.rpartition(".")[2].startswith("_"))]


def _function_of(member):
    """The function that was written, behind properties, decorators and bound class methods."""
    if isinstance(member, property):
        member = member.fget
    function = inspect.unwrap(member) if callable(member) else None
    function = getattr(function, "__func__", function)
    is_ours = (getattr(function, "__module__", None) or "").startswith("skace")
    return function if inspect.isfunction(function) and is_ours else None


def _members(cls):
    """Constructor, public methods and public properties that skace wrote."""
    names = [name for name in dir(cls) if not name.startswith("_")]
    found = [_function_of(getattr(cls, name)) for name in (*names, "__init__", "__new__")]
    return [function for function in found if function is not None]


def _public_functions():
    """Every public function and method, once, by the place where it is written."""
    found = []
    for package in _packages():
        module = importlib.import_module(package)
        for thing in (getattr(module, name) for name in module.__all__):
            found += _members(thing) if inspect.isclass(thing) else [_function_of(thing)]
    return {f"{f.__module__}.{f.__qualname__}": f for f in found if f is not None}


def _unannotated(function):
    """Parameters without a type, and "return" where there is none."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    missing = [p.name for p in parameters if p.annotation is p.empty]
    return missing + (["return"] if signature.return_annotation is signature.empty else [])


FUNCTIONS = _public_functions()


@pytest.mark.parametrize("path", sorted(FUNCTIONS))
def test_public_signature_is_annotated(path):
    assert _unannotated(FUNCTIONS[path]) == []


@pytest.mark.parametrize(
    "path",
    [
        "skace._show_versions.show_versions",
        "skace.metrics._ranks.ndcg_at_k",  # behind a decorator
        "skace.recommenders._learning.RowLearning.fit",  # behind two
        "skace.recommenders._answering.HistoryAnswers.encode",  # behind a condition
        "skace.recommenders.linear._base.LinearRecommender.item_vectors_",  # a property
        "skace.data._interactions.Interactions.from_frame",  # a class method
        "skace.recommenders.linear._ease.EASEEstimator.__init__",
    ],
)
def test_search_finds(path):
    assert path in FUNCTIONS


def test_what_scikit_learn_wrote_is_left_out():
    names = {function.__name__ for function in _members(skace.PopularityEstimator)}
    assert "fit" in names
    assert not names & {"get_params", "set_params", "set_fit_request", "get_metadata_routing"}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda a, *, b=1: a + b, ["a", "b", "return"]),
        (lambda *args, **kwargs: (args, kwargs), ["args", "kwargs", "return"]),
        (lambda self: self, ["return"]),
    ],
)
def test_missing_types_are_named(function, expected):
    assert _unannotated(function) == expected
