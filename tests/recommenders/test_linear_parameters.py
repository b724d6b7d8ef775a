"""Parameters that all closed forms share: written once, seen by everybody."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
import pickle
from typing import get_type_hints

import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.base import clone

from skace.recommenders import (
    EASEEstimator,
    L3AEEstimator,
    LinearParameters,
    LinearRecommender,
    RLAEEstimator,
    SLISTEstimator,
)

SHARED = inspect.signature(LinearRecommender).parameters
each_form = pytest.mark.parametrize(
    "cls", [EASEEstimator, RLAEEstimator, L3AEEstimator, SLISTEstimator]
)


def test_the_types_are_those_of_the_signature():
    expected = {name: p.annotation for name, p in SHARED.items() if name != "k"}
    assert get_type_hints(LinearParameters) == expected


@each_form
def test_signature_constraints_and_docstring_name_all(cls):
    parameters = inspect.signature(cls).parameters
    assert parameters.keys() >= SHARED.keys()
    assert parameters.keys() == cls().get_params(deep=False).keys()
    assert parameters.keys() == cls._parameter_constraints.keys()
    assert [part.name for part in ClassDoc(cls)["Parameters"]] == list(parameters)
    attributes = [part.name for part in ClassDoc(cls)["Attributes"]]
    assert len(set(attributes)) == len(attributes)
    assert {"item_ids_", "coef_", "gram_"} <= set(attributes)


@each_form
def test_they_are_set_cloned_and_pickled(cls):
    model = cls(3, max_memory=2.0, dtype="float64")
    assert clone(model).get_params() == model.get_params()
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()
    assert (model.k, model.max_memory, model.dtype) == (3, 2.0, "float64")
    with pytest.raises(TypeError, match=rf"{cls.__name__}\.__init__\(\) got an .* 'max_mem'"):
        cls(max_mem=3)


def test_a_default_of_its_own_is_kept():
    assert inspect.signature(SLISTEstimator).parameters["history_decay"].default == 1.0
    assert inspect.signature(EASEEstimator).parameters["history_decay"].default is None
