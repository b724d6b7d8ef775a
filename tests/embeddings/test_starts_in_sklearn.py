"""Tests of the other starts of an item table as scikit-learn estimators."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import skops.io
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skace import Interactions, LeaveLastOut, SASRecEstimator
from skace.embeddings import ColumnSelector, GlobalScaler, WhiteningTransformer

STARTS = [
    WhiteningTransformer(),
    WhiteningTransformer(method="pca", shrinkage="auto"),
    WhiteningTransformer(method="cholesky", shrinkage=0.1),
    WhiteningTransformer(method="bn"),
    GlobalScaler(),
    ColumnSelector(2),
    ColumnSelector(2, method="strided"),
    ColumnSelector(2, method="random", random_state=0),
]
GROUPED = WhiteningTransformer(n_groups=2)  # scikit-learn's checks have single columns too
# The checks set n_components=1, wherever there is such a parameter.
WITHOUT_DIRECTIONS = {
    "check_dont_overwrite_parameters",
    "check_fit2d_1feature",
    "check_fit2d_predict1d",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
}


def _names(results, status):
    return sorted({result["check_name"] for result in results if result["status"] == status})


@pytest.mark.filterwarnings("ignore:n_components=:UserWarning")
@pytest.mark.parametrize("start", STARTS, ids=str)
def test_all_checks_of_scikit_learn_pass(start):
    refuses = getattr(start, "method", None) in ("cholesky", "bn")
    expected = WITHOUT_DIRECTIONS if refuses else set()
    results = check_estimator(
        clone(start),
        expected_failed_checks=dict.fromkeys(expected, "n_components=1 is refused"),
        on_skip=None,
        on_fail=None,
    )
    assert _names(results, "failed") == []
    assert set(_names(results, "xfail")) == expected
    assert _names(results, "skipped") == (
        [] if os.environ.get("SCIPY_ARRAY_API") else ["check_array_api_input"]
    )
    assert "check_transformer_preserve_dtypes" in _names(results, "passed")


@pytest.mark.parametrize("start", [*STARTS, GROUPED], ids=str)
def test_interactions_get_the_output_in_place_of_the_features(make_shop, make_cone, start):
    X = make_shop()
    start = clone(start)
    transformed = start.fit_transform(X)
    assert isinstance(transformed, Interactions)
    assert_array_equal(transformed.items, X.items)
    assert_array_equal(transformed.catalog.features, start.transform(np.array(X.catalog.features)))
    cold = make_shop(make_cone(n=5, d=6, seed=9))
    assert_array_equal(
        start.transform(cold).catalog.features, start.transform(cold.catalog.features)
    )
    assert start.transform([["item001"]]) == [["item001"]]


@pytest.mark.parametrize("start", [*STARTS, GROUPED], ids=str)
@pytest.mark.parametrize(("library", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_set_output_puts_arrays_into_frames(make_cone, start, library, frame):
    F = make_cone(d=6)
    framed = clone(start).set_output(transform=library)
    table = framed.fit_transform(F)
    assert isinstance(table, frame)
    assert list(table.columns) == list(framed.get_feature_names_out())
    assert_array_equal(table.to_numpy(), clone(start).fit_transform(F))


@pytest.mark.parametrize("start", [*STARTS, GROUPED], ids=str)
def test_a_stored_transformer_gives_equal_output(make_cone, make_shop, start):
    F, start = make_cone(d=6), clone(start).fit(make_shop())
    assert_array_equal(pickle.loads(pickle.dumps(start)).transform(F), start.transform(F))
    data = skops.io.dumps(start)
    types = skops.io.get_untrusted_types(data=data)
    assert [name.rsplit(".", 1)[1] for name in types] == [type(start).__name__]
    assert_array_equal(skops.io.loads(data, trusted=types).transform(F), start.transform(F))
    assert not hasattr(start, "_source_catalog")


@pytest.mark.parametrize("start", [*STARTS, GROUPED], ids=str)
def test_a_fit_does_not_change_its_input_nor_its_parameters(make_cone, start):
    F = make_cone(d=6)
    before, start = F.copy(), clone(start)
    parameters = start.get_params()
    start.fit_transform(F)
    assert_array_equal(F, before)
    assert start.get_params() == parameters


@pytest.mark.parametrize("start", [*STARTS, GROUPED], ids=str)
def test_unfitted_and_sparse_are_refused_in_scikit_learns_words(make_cone, make_shop, start):
    with pytest.raises(NotFittedError, match=rf"^This {type(start).__name__} instance is not"):
        clone(start).transform(make_shop())
    with pytest.raises(TypeError, match=r"^Sparse data was passed for X, but dense data"):
        clone(start).fit(sp.csr_array(make_cone()))


@pytest.mark.parametrize("start", STARTS, ids=str)
def test_a_progress_bar_reaches_the_transformer(make_cone, capsys, start):
    pipe = make_pipeline(clone(start), GlobalScaler())
    pipe.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(make_cone())
    assert type(start).__name__ in capsys.readouterr().out


@pytest.mark.parametrize("start", [WhiteningTransformer(), ColumnSelector(4), GROUPED], ids=str)
def test_a_grid_searches_starts_of_one_size(make_shop, start):
    X = make_shop(n_events=90)
    rec = SASRecEstimator(
        k=2, n_layers=1, n_heads=1, max_epochs=1, early_stopping=False, random_state=0
    )
    pipe = make_pipeline(clone(start), GlobalScaler(), rec)
    search = GridSearchCV(pipe, {"globalscaler__std": [0.1, 1.0]}, cv=LeaveLastOut()).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict([["item001"]]).shape == (1, 2)
