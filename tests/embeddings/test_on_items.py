"""Tests of OnItems."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.callback import ProgressBar
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import Normalizer, OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skace import Catalog, Interactions
from skace.embeddings import ACETransformer, OnItems

TEXTS = np.array(["red pen", "blue pen", "red ink", "blue ink"])


def _shop(features):
    return Interactions(["al"] * 3, [7, 9, 8], catalog=Catalog([6, 7, 8, 9], features))


@pytest.mark.parametrize(
    ("transformer", "n_checks"),
    [(StandardScaler(), 46), (PCA(), 47), (Normalizer(), 47), (IncrementalPCA(), 47), (None, 39)],
)
def test_all_checks_of_scikit_learn_pass(transformer, n_checks):
    results = check_estimator(OnItems(transformer), on_skip=None, on_fail=None)
    status = {result["check_name"]: result["status"] for result in results}
    assert [name for name in status if status[name] == "failed"] == []
    skipped = [name for name in status if status[name] == "skipped"]
    assert skipped == ([] if os.environ.get("SCIPY_ARRAY_API") else ["check_array_api_input"])
    assert len(results) >= n_checks


@pytest.mark.parametrize("transformer", [StandardScaler(), PCA(3), Normalizer()])
def test_features_go_through_the_transformer(make_shop, transformer):
    X = make_shop()
    transformed = OnItems(transformer).fit_transform(X)
    expected = clone(transformer).fit_transform(X.catalog.features)
    assert_allclose(transformed.catalog.features, expected, atol=1e-12)
    assert_array_equal(transformed.items, X.items)


def test_arrays_go_straight_through(make_cone):
    F = make_cone()
    inside = OnItems(PCA(3)).fit(F)
    assert_array_equal(inside.transform(F), PCA(3).fit(F).transform(F))
    assert_array_equal(inside.inverse_transform(inside.transform(F)).shape, F.shape)
    assert (inside.n_features_in_, inside.transformer_.n_components_) == (10, 3)


def test_a_clone_is_fitted_and_not_the_parameter(make_cone):
    scaler = StandardScaler()
    inside = OnItems(scaler).fit(make_cone())
    assert inside.transformer is scaler
    assert inside.transformer_ is not scaler
    assert not hasattr(scaler, "mean_")


@pytest.mark.parametrize("features", [TEXTS, TEXTS.tolist(), TEXTS.astype(object)])
def test_texts_become_sparse_features(features):
    X = _shop(features)
    inside = OnItems(TfidfVectorizer()).fit(X)
    found = inside.transform(X).catalog.features
    assert sp.issparse(found)
    assert found.format == "csr"
    assert_array_equal(found.toarray(), TfidfVectorizer().fit_transform(TEXTS).toarray())
    assert list(inside.get_feature_names_out()) == ["blue", "ink", "pen", "red"]
    # Texts of new items are no sequences of ids; sequences are.
    assert inside.transform(["red ink"]).shape == (1, 4)
    assert inside.transform([["red ink"]]) == [["red ink"]]


def test_sparse_features_stay_sparse_or_become_dense():
    X = _shop(sp.csr_array(np.eye(4)))
    assert sp.issparse(OnItems(Normalizer()).fit_transform(X).catalog.features)
    assert OnItems(TruncatedSVD(2)).fit_transform(X).catalog.features.shape == (4, 2)


@pytest.mark.parametrize("library", [pd, pl])
def test_one_column_of_text_is_read_row_by_row(library):
    X = _shop(library.DataFrame({"title": TEXTS}))
    for transformer in (TfidfVectorizer(), make_pipeline(TfidfVectorizer(), TruncatedSVD(2))):
        assert OnItems(transformer).fit_transform(X).catalog.features.shape[0] == 4


@pytest.mark.filterwarnings("ignore:.*have no text in 'brand':UserWarning")
@pytest.mark.parametrize("library", [pd, pl])
def test_columns_of_text_are_joined_for_who_reads_one_text(library):
    X = _shop(library.DataFrame({"title": TEXTS, "brand": ["ace", "bee", None, "cox"]}))
    for options, words in {
        (): {"ace", "bee", "cox", "pen"},
        (("fields", "title"),): {"pen"},
        (("template", "made by {brand}"),): {"ace", "bee", "cox", "made", "by"},
    }.items():
        tfidf = OnItems(make_pipeline(TfidfVectorizer()), **dict(options)).fit(X)
        found = set(tfidf.get_feature_names_out())
        assert found >= words
        assert found.isdisjoint({"ace", "bee", "cox", "pen", "made"} - words)
    columns = ColumnTransformer(
        [("t", TfidfVectorizer(), "title"), ("b", OneHotEncoder(), ["brand"])]
    )
    assert OnItems(columns).fit_transform(X).catalog.features.shape == (4, 8)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_missing_texts_are_empty_for_who_reads_single_columns(library):
    frame = library({"item_id": [1, 2], "title": ["a", "b"], "sub": ["x", None]})
    catalog = Catalog.from_frame(frame, features=["title", "sub"])
    X = Interactions.from_sequences([[1, 2]], catalog=catalog)
    reader = TfidfVectorizer(token_pattern=r"\w")
    by_column = OnItems(ColumnTransformer([("sub", reader, "sub")]))
    assert_array_equal(by_column.fit_transform(X).catalog.features, [[1], [0]])


def test_missing_texts_are_empty_for_who_reads_one_text():
    X = _shop(["red pen", None, "blue pen", "ink"])
    with pytest.warns(UserWarning, match=r"^1 item\(s\) have no text in 'text': 7; a transformer"):
        features = OnItems(TfidfVectorizer()).fit_transform(X).catalog.features
    assert features[[1]].nnz == 0
    assert features[[0]].nnz == 2


def test_unions_go_inside(make_shop):
    X = make_shop()
    union = OnItems(FeatureUnion([("pca", PCA(2)), ("scaler", StandardScaler())]))
    assert union.fit_transform(X).catalog.features.shape == (20, 8)


@pytest.mark.parametrize("features", [TEXTS, np.eye(4), sp.csr_array(np.eye(4))])
def test_no_transformer_leaves_features_as_they_are(features):
    X = _shop(features)
    inside = OnItems().fit(X)
    for found in (inside.transform(X), inside.inverse_transform(X)):
        kept = found.catalog.features
        assert type(kept) is type(features)
        assert_array_equal(*(f.toarray() if sp.issparse(f) else f for f in (kept, features)))


def test_no_transformer_counts_columns(make_cone):
    with pytest.raises(ValueError, match=r"^X has 9 features, but _Identity is expecting 10"):
        OnItems().fit(make_cone()).transform(make_cone(d=9))


@pytest.mark.parametrize("transformer", [3, "passthrough", PCA, BaseEstimator()])
def test_what_is_no_transformer_is_refused(make_cone, transformer):
    text = (
        "The 'transformer' parameter of OnItems must be an object implementing 'fit' and "
        f"'transform' or None. Got {transformer!r} instead."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        OnItems(transformer).fit(make_cone())


def test_parameters_inside_can_be_set_and_searched(make_cone):
    inside = OnItems(PCA(2))
    assert inside.get_params()["transformer__n_components"] == 2
    pipe = make_pipeline(inside, StandardScaler())
    shapes = []
    for params in ParameterGrid(
        [{"onitems__transformer__n_components": [2, 3]}, {"onitems__transformer": [None]}]
    ):
        shapes.append(clone(pipe).set_params(**params).fit_transform(make_cone()).shape[1])
    assert shapes == [2, 3, 10]


def test_methods_are_those_of_the_transformer():
    assert not hasattr(OnItems(Normalizer()), "inverse_transform")
    assert not hasattr(OnItems(PCA()), "partial_fit")
    assert hasattr(OnItems(IncrementalPCA()), "partial_fit")
    assert not hasattr(OnItems(_Plain()), "get_feature_names_out")
    assert not hasattr(OnItems(_Plain()), "set_output")
    assert not hasattr(OnItems(PCA()), "n_features_in_")
    assert not hasattr(OnItems(PCA()).fit(np.eye(3)), "feature_names_in_")


class _Plain(TransformerMixin, BaseEstimator):
    """Transformer without names of columns."""

    def fit(self, X, y=None):
        self.width_ = np.shape(X)[1]
        return self

    def transform(self, X):
        return X


def test_partial_fit_goes_on(make_cone):
    F = make_cone()
    parts = OnItems(IncrementalPCA(3)).partial_fit(F[:60]).partial_fit(F[60:])
    expected = IncrementalPCA(3).partial_fit(F[:60]).partial_fit(F[60:])
    assert_array_equal(parts.transform(F), expected.transform(F))
    assert parts.fit(F[:50]).transformer_.n_samples_seen_ == 50  # fit starts anew


@pytest.mark.parametrize(("library", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_set_output_puts_arrays_into_frames(make_shop, library, frame):
    X = make_shop()
    inside = OnItems(PCA(2)).set_output(transform=library).fit(X)
    table = inside.transform(X.catalog.features)
    assert isinstance(table, frame)
    assert list(table.columns) == ["pca0", "pca1"]
    assert isinstance(inside.transform(X).catalog.features, np.ndarray)


def test_names_of_columns_are_passed_on(make_cone):
    F = pd.DataFrame(make_cone(), columns=[f"dim{j}" for j in range(10)])
    inside = OnItems(StandardScaler()).fit(F)
    assert list(inside.feature_names_in_) == list(F.columns)
    assert list(inside.get_feature_names_out()) == list(F.columns)


def test_stored_transformers_give_equal_output(make_shop):
    X = make_shop()
    inside = OnItems(PCA(2)).fit(X)
    again = pickle.loads(pickle.dumps(inside))
    assert_array_equal(again.transform(X).catalog.features, inside.transform(X).catalog.features)


@pytest.mark.parametrize("name", ["transform", "inverse_transform", "get_feature_names_out"])
def test_use_before_fit_says_so(name):
    with pytest.raises(NotFittedError, match=r"^This OnItems instance is not fitted yet"):
        getattr(OnItems(PCA()), name)(np.eye(3))


def test_fit_parameters_go_to_the_transformer(make_cone):
    F = make_cone()
    weights = np.linspace(0.1, 2.0, len(F))
    expected = StandardScaler().fit(F, sample_weight=weights).mean_
    found = OnItems(StandardScaler()).fit(F, sample_weight=weights)
    assert_array_equal(found.transformer_.mean_, expected)
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        pipe = make_pipeline(OnItems(scaler), PCA(2)).fit(F, sample_weight=weights)
        assert_array_equal(pipe[0].transformer_.mean_, expected)
        assert_array_equal(OnItems(scaler).fit(F).transformer_.mean_, F.mean(axis=0))
        assert OnItems().fit(F).n_features_in_ == 10


def test_fit_parameters_are_for_arrays_only(make_shop):
    X = make_shop()
    with pytest.raises(ValueError, match=r"^sample_weight cannot be given with Interactions"):
        OnItems(StandardScaler()).fit(X, sample_weight=np.ones(len(X)))


@pytest.mark.parametrize("inner", [StandardScaler(), PCA(2), ACETransformer(2)])
@pytest.mark.parametrize("kind", ["array", "interactions"])
def test_a_progress_bar_reaches_inside_without_a_warning(make_shop, capsys, inner, kind):
    X = make_shop()
    pipe = make_pipeline(OnItems(inner), OnItems(StandardScaler()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe.set_callbacks(ProgressBar(max_propagation_depth=None))
        pipe.fit(X if kind == "interactions" else X.catalog.features)
    shown = capsys.readouterr().out
    assert "OnItems" in shown
    assert "StandardScaler" in shown
    assert (type(inner).__name__ in shown) == hasattr(inner, "set_callbacks")
    assert not hasattr(pipe[0].transformer_, "_skl_callbacks")


def test_ace_inside_is_ace(make_shop):
    X = make_shop()
    assert_array_equal(
        OnItems(ACETransformer(3)).fit_transform(X).catalog.features,
        ACETransformer(3).fit_transform(X).catalog.features,
    )


def test_whether_sparse_or_missing_values_are_welcome_depends_on_the_transformer():
    tags = OnItems(StandardScaler(with_mean=False)).__sklearn_tags__()
    assert tags.input_tags.sparse
    assert tags.input_tags.allow_nan
    assert not OnItems(StandardScaler()).__sklearn_tags__().input_tags.sparse
    assert not OnItems(ACETransformer()).__sklearn_tags__().input_tags.sparse
    assert not OnItems(TfidfVectorizer()).__sklearn_tags__().input_tags.two_d_array
