"""Parameters that all networks share: written once, seen by everybody."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
import pickle
from typing import ClassVar, Unpack, get_type_hints

import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.base import clone

from skace import SASRecEstimator
from skace.recommenders import (
    MELTEstimator,
    NetworkParameters,
    NeuralRecommender,
)
from skace.testing import all_recommenders

NETWORKS = [
    cls
    for cls in all_recommenders()
    if issubclass(cls, NeuralRecommender) and cls is not MELTEstimator  # its backbone has them
]


class Plain(NeuralRecommender):
    """A network without a constructor of its own."""

    def _build_encoder(self, width):
        raise NotImplementedError


class Listed(Plain):
    """One that lists the parameters that users may set."""

    def __init__(self, k=10, *, depth=1, max_epochs=7):
        super().__init__(k, max_epochs=max_epochs)
        self.depth = depth


class Joined(Plain):
    """One that takes all of them, one with another default.

    Parameters
    ----------
    k : int, default=10
        Length of the lists.

    depth : int, default=1
        How deep.

    max_epochs : int, default=7
        Fewer than elsewhere.

    **shared
        Parameters of all networks.

    Attributes
    ----------
    depth_ : int
        How deep it went.
    """

    _parameter_constraints: ClassVar = {"depth": [int]}

    def __init__(self, k=10, *, depth=1, max_epochs=7, **shared: Unpack[NetworkParameters]):
        super().__init__(k, max_epochs=max_epochs, **shared)
        self.depth = depth


class Deeper(Joined):
    """A child of a child, of which nobody says more."""

    def __init__(self, k=10, *, breadth=2, **shared):
        super().__init__(k, **shared)
        self.breadth = breadth


def test_the_types_are_those_of_the_signature():
    signature = inspect.signature(NeuralRecommender.__init__)
    expected = {p.name: p.annotation for p in signature.parameters.values()}
    del expected["self"], expected["k"]
    assert get_type_hints(NetworkParameters) == expected


@pytest.mark.parametrize("cls", [*NETWORKS, Plain, Joined, Deeper])
def test_signature_parameters_and_constraints_name_all(cls):
    names = set(inspect.signature(cls).parameters)
    assert names >= set(inspect.signature(NeuralRecommender).parameters)
    assert names == cls().get_params(deep=False).keys()
    assert cls._parameter_constraints.keys() >= names - {"breadth"}
    kinds = {p.kind for p in inspect.signature(cls).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds


@pytest.mark.parametrize("cls", [*NETWORKS, Joined])
def test_docstrings_describe_all_in_the_order_of_the_signature(cls):
    described = [part.name for part in ClassDoc(cls)["Parameters"]]
    assert described == list(inspect.signature(cls).parameters)
    attributes = [part.name for part in ClassDoc(cls)["Attributes"]]
    of_all = [part.name for part in ClassDoc(NeuralRecommender)["Attributes"]]
    assert attributes[-len(of_all) :] == of_all


def test_a_default_of_its_own_is_kept_and_described():
    assert Joined().max_epochs == Deeper().max_epochs == 7
    assert inspect.signature(Deeper).parameters["max_epochs"].default == 7
    entries = [part for part in ClassDoc(Joined)["Parameters"] if part.name == "max_epochs"]
    assert [part.desc for part in entries] == [["Fewer than elsewhere."]]
    assert next(part.name for part in ClassDoc(Joined)["Attributes"]) == "depth_"


@pytest.mark.parametrize("cls", [*NETWORKS, Plain, Listed, Joined, Deeper])
def test_they_are_cloned_set_and_pickled(cls):
    model = cls(3, max_epochs=4)
    assert clone(model).get_params() == model.get_params()
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()
    assert model.set_params(max_epochs=5).max_epochs == 5


@pytest.mark.parametrize("cls", [*NETWORKS, Plain, Listed, Joined, Deeper])
def test_a_name_that_does_not_exist_is_refused_by_the_class_that_was_asked(cls):
    with pytest.raises(TypeError, match=rf"{cls.__name__}\.__init__\(\) got an .* 'max_epoch'"):
        cls(max_epoch=3)


def test_a_listed_constructor_stays_as_it_is():
    assert list(inspect.signature(Listed).parameters) == ["k", "depth", "max_epochs"]
    assert Listed.__doc__ == "One that lists the parameters that users may set."


def test_the_html_shows_each_parameter_with_its_description():
    html = SASRecEstimator(n_heads=4)._repr_html_()
    for name in ("n_heads", "validation_fraction"):
        assert name in html
    assert "Attention heads; must divide the width." in html
    assert "Share of the users whose last row is held out" in html
