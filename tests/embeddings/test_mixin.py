"""Tests of ItemTransformerMixin: who gets what."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import check_is_fitted

from skace import Interactions, LeaveLastOut
from skace.embeddings import ACETransformer, ItemTransformerMixin, OnItems
from skace.embeddings._decomposition import MEMO


class _DoubleCore(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Twice the input; notes what it was given."""

    def __init__(self, factor=2.0):
        self.factor = factor

    def fit(self, X, y=None, sample_weight=None):
        self.n_features_in_ = np.shape(X)[1]
        self.seen_ = (type(X).__name__, y, sample_weight, getattr(self, "_source_catalog", None))
        if self.factor == 0:
            raise ZeroDivisionError
        return self

    def transform(self, X):
        check_is_fitted(self)
        return X * self.factor if sp.issparse(X) else np.asarray(X) * self.factor


class Double(ItemTransformerMixin, _DoubleCore):
    """The smallest item transformer."""


class _ShorteningCore(_DoubleCore):
    def transform(self, X):
        return np.asarray(X)[1:]


class Shortening(ItemTransformerMixin, _ShorteningCore):
    """Loses a row, as no item transformer may."""


SEQUENCES = [
    [["item001", "item002"]],
    [["item001"], ["item001", "item002", "item003"]],
    [[], ["item001"]],
    [[]],
    [],
    (("item001",),),
    [np.array(["item001"]), np.array([], dtype="U1")],
    [pd.Series(["item001"])],
    [[3, 4]],
    [[3], [4, 5]],
    [np.array([3, 4])],
    ["item001"],
    np.array([["item001"], ["item001", "item002"]], dtype=object),
]


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_core_gets_the_features_and_their_place_is_taken_by_its_output(make_shop, make_cone, kind):
    F = make_cone(n=20, d=6)
    X = make_shop(sp.csr_array(F) if kind == "sparse" else F)
    transformed = Double().fit_transform(X)
    assert transformed is not X
    features = transformed.catalog.features
    assert_array_equal(features.toarray() if kind == "sparse" else features, 2 * F)
    assert_array_equal(transformed.catalog.item_ids, X.catalog.item_ids)
    assert_array_equal(transformed.users, X.users)
    assert_array_equal(transformed.source_rows, X.source_rows)


def test_core_knows_the_catalog_while_it_is_fitted_only(make_shop):
    X = make_shop()
    double = Double().fit(X, y=X.items)
    assert double.seen_ == ("ndarray", None, None, X.catalog)  # y is one value per event
    assert not hasattr(double, "_source_catalog")
    with pytest.raises(ZeroDivisionError):
        double.set_params(factor=0).fit(X)
    assert not hasattr(double, "_source_catalog")


def test_arrays_go_to_the_core_as_they_are(make_cone):
    F, y = make_cone(), np.arange(120)
    double = Double().fit(F, y, sample_weight=[1])
    assert double.seen_ == ("ndarray", y, [1], None)
    assert_array_equal(double.transform(F), 2 * F)
    assert_array_equal(Double().fit_transform(F.tolist()), 2 * F)


def test_methods_that_the_core_lacks_do_not_exist():
    for name in ("partial_fit", "inverse_transform"):
        assert not hasattr(Double(), name)
        assert hasattr(ACETransformer(), name)


@pytest.mark.parametrize("X", SEQUENCES, ids=str)
def test_sequences_are_handed_on_after_a_fit_on_interactions(make_shop, X):
    assert ACETransformer(3).fit(make_shop()).transform(X) is X


def test_a_validation_set_is_handed_on(make_shop):
    X = make_shop()
    held = X.as_validation()
    assert ACETransformer(3).fit(X).transform(held) is held


@pytest.mark.parametrize("kind", [np.asarray, np.ndarray.tolist, pd.DataFrame])
def test_vectors_are_transformed_after_a_fit_on_interactions(make_shop, make_cone, kind):
    X, rows = make_shop(), make_cone(n=4, d=6)
    ace = ACETransformer(3).fit(X)
    expected = ACETransformer(3).fit(X.catalog.features).transform(rows)
    assert_array_equal(ace.transform(kind(rows)), expected)


@pytest.mark.parametrize("dtype", [np.int64, "U7"])
def test_arrays_that_may_hold_ids_are_refused(make_shop, dtype):
    ace = ACETransformer(3).fit(make_shop())
    X = np.arange(12).reshape(2, 6).astype(dtype)
    text = (
        f"X is an array of shape (2, 6) and dtype {X.dtype}, which may hold ids or vectors; pass "
        "ids as a list of sequences, vectors as floats."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        ace.transform(X)


@pytest.mark.parametrize(
    "X",
    [[["item001", "item002"]], [["item001"], ["item002"]], [[1, 2], [3]], ["item001"]],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "fit_transform", "partial_fit", "transform"])
def test_sequences_mean_nothing_without_interactions(make_cone, method, X):
    ace = ACETransformer(2).fit(make_cone(d=2))
    text = (
        "X is a list of sequences of item ids, but ACETransformer learns from item vectors. Fit "
        "it on Interactions whose catalog has features: from then on it hands such lists on to "
        "the recommender."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        getattr(ace, method)(X)


def test_a_fit_on_arrays_ends_the_handing_on(make_shop, make_cone):
    ace = ACETransformer(3).fit(make_shop()).fit(make_cone())
    with pytest.raises(ValueError, match=r"^X is a list of sequences"):
        ace.transform([["item001"]])


def test_lists_of_whole_numbers_are_vectors_without_interactions():
    rows = [[1, 2], [3, 4], [-1, 0]]
    ace = ACETransformer(2).fit(rows)
    assert_array_equal(ace.transform(rows), ace.transform(np.array(rows, dtype=float)))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("method", ["fit", "transform"])
@pytest.mark.parametrize("kind", ["array", "interactions"])
def test_a_frame_of_events_is_no_matrix(make_shop, make_cone, frame, method, kind):
    ace = ACETransformer(2).fit(make_cone() if kind == "array" else make_shop())
    log = frame({"user_id": [1, 1, 2], "item_id": [5, 6, 5], "timestamp": [1, 2, 3]})
    text = (
        "X is a frame of events, but ACETransformer acts on item vectors; wrap it once with "
        "Interactions.from_frame(frame, catalog=Catalog(item_ids, features))."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        getattr(ace, method)(log)


def test_rows_must_stay_one_per_item(make_shop):
    text = (
        "Shortening returned 19 rows for 20 items; a transformer of item features must keep one "
        "row per item."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        Shortening().fit_transform(make_shop())


def test_inverse_transform_acts_on_features(make_shop):
    X = make_shop()
    ace = ACETransformer(None, normalize=False).fit(X)
    back = ace.inverse_transform(ace.transform(X))
    np.testing.assert_allclose(back.catalog.features, X.catalog.features, atol=1e-10)


def test_partial_fit_takes_the_items_of_another_catalog(make_shop, make_cone):
    old, new = make_cone(n=20, d=6), make_cone(n=9, d=6, seed=3)
    ace = ACETransformer(3).fit(make_shop(old)).partial_fit(make_shop(new))
    expected = ACETransformer(3).fit(np.vstack([old, new]))
    np.testing.assert_allclose(ace.transform(old), expected.transform(old), atol=1e-10)
    assert ace.transform([["item001"]]) == [["item001"]]


class NearestItem(BaseEstimator):
    """Recommender for tests: the items nearest to the last one of the past."""

    def __init__(self, k=3):
        self.k = k

    def fit(self, X, y=None):
        self.catalog_ = X.catalog
        return self

    def predict(self, X):
        if not isinstance(X, Interactions):
            X = Interactions.from_sequences(X, catalog=self.catalog_).next_queries()
        F = self.catalog_.features
        last = X._log.items[X._ends - 1]
        return self.catalog_.item_ids[np.argsort(-(F[last] @ F.T), axis=1)[:, : self.k]]

    def score(self, X, y=None):
        return float(np.mean(self.predict(X) == X.items[:, None]))


def test_a_pipeline_answers_interactions_queries_and_lists(make_shop):
    X = make_shop()
    pipe = make_pipeline(ACETransformer(3), NearestItem()).fit(X)
    assert pipe.predict(X.next_queries()).shape == (X.n_users, 3)
    answer = pipe.predict([["item001", "item007"], ["item004"]])
    table = ACETransformer(3).fit_transform(X.catalog.features)
    for row, last in zip(answer, (7, 4), strict=True):
        assert_array_equal(row, X.catalog.item_ids[np.argsort(-table @ table[last])[:3]])


@pytest.mark.parametrize("series_of", [pd.Series, pl.Series])
def test_a_series_of_histories_is_handed_on_and_one_of_texts_is_not(make_shop, series_of):
    X = make_shop()
    histories = series_of([["item001", "item007"], ["item004"]])
    ace = ACETransformer(3).fit(X)
    assert ace.transform(histories) is histories
    words = [f"word{row % 5} all" for row in range(X.n_items)]
    texts = X.with_features(np.array(words, dtype=object))
    encoder = OnItems(CountVectorizer()).fit(texts)
    assert encoder.transform(histories) is histories
    for two in (series_of(["word1 all", "all"]), np.array(["word1 all", "all"], dtype=object)):
        assert encoder.transform(two).toarray().tolist() == [[1, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]]
    with pytest.raises(ValueError, match="X is a list of sequences of item ids, but ACE"):
        ACETransformer(3).fit(series_of([[1, 2], [3, 4]]))


@pytest.mark.parametrize(
    "gappy",
    [
        [["item001"], None],
        [["item001", None], ["item002"]],
        [[None, "item001"]],
        [[1, None]],
        [[1.0, np.nan]],
        [None, None],
        [[], [None]],
    ],
)
def test_histories_with_gaps_are_refused_by_the_recommender(make_shop, gappy):
    ace = ACETransformer(3).fit(make_shop())
    assert ace.transform(gappy) is gappy
    series = pd.Series(gappy)
    assert ace.transform(series) is series


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.minutes)])
def test_a_grid_over_alpha_decomposes_once_whatever_the_threads(make_shop, n_jobs):
    X = make_shop(n_events=120)
    pipe = Pipeline([("ace", ACETransformer(3)), ("rec", NearestItem())])
    grid = {"ace__alpha": [0, 0.1, 1, 10, np.inf]}
    with joblib.parallel_config("threading"):
        search = GridSearchCV(pipe, grid, cv=LeaveLastOut(n_splits=2), n_jobs=n_jobs).fit(X)
    assert MEMO.n_computed == 1
    assert search.predict([["item001"]]).shape == (1, 3)
    assert len(set(search.cv_results_["mean_test_score"])) > 1


def test_transform_of_an_unfitted_mixin_says_so(make_shop):
    with pytest.raises(NotFittedError):
        Double().transform(make_shop())
