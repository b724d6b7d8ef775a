"""Tests of ACETransformer as a scikit-learn estimator."""
# SPDX-License-Identifier: BSD-3-Clause

import io
import math
import os
import pickle

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skace import Catalog, Interactions
from skace.embeddings import ACETransformer
from skace.embeddings._decomposition import MEMO

CLIPS = pytest.mark.filterwarnings("ignore:n_components=:UserWarning")


def _names(results, status):
    return sorted({result["check_name"] for result in results if result["status"] == status})


@CLIPS
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"center": True, "alpha": "auto"},
        {"solver": "full", "normalize": False, "alpha": math.inf},
        {"solver": "randomized", "random_state": 0},
        {"spectrum": "power"},
    ],
)
def test_all_checks_of_scikit_learn_pass(params):
    results = check_estimator(ACETransformer(**params), on_skip=None, on_fail=None)
    assert _names(results, "failed") == []
    # What a transformer of scikit-learn without array API support is spared, and no more.
    assert _names(results, "skipped") == (
        [] if os.environ.get("SCIPY_ARRAY_API") else ["check_array_api_input"]
    )
    assert len(results) >= 54
    passed = _names(results, "passed")
    for name in (
        "check_sample_weight_equivalence_on_dense_data",
        "check_transformer_general",
        "check_transformer_preserve_dtypes",
        "check_readonly_memmap_input",
        "check_n_features_in_after_fitting",
        "check_estimators_nan_inf",
    ):
        assert name in passed


def test_scikit_learn_spares_its_own_transformers_the_same_check():
    results = check_estimator(TruncatedSVD(), on_skip=None, on_fail=None)
    skipped = [] if os.environ.get("SCIPY_ARRAY_API") else ["check_array_api_input"]
    assert _names(results, "skipped") == skipped


def test_sparse_input_is_refused_in_scikit_learns_words(make_cone):
    with pytest.raises(
        TypeError, match=r"^Sparse data was passed for X, but dense data is required"
    ):
        ACETransformer(2).fit(sp.csr_array(make_cone()))
    assert not ACETransformer().__sklearn_tags__().input_tags.sparse


def test_transform_before_fit_says_so(make_cone, make_shop):
    for X in (make_cone(), make_shop(), [["item001"]]):
        with pytest.raises(
            NotFittedError, match=r"^This ACETransformer instance is not fitted yet"
        ):
            ACETransformer().transform(X)


@pytest.mark.parametrize(("library", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_set_output_puts_arrays_into_frames(make_cone, library, frame):
    F = make_cone()
    ace = ACETransformer(3).set_output(transform=library)
    table = ace.fit_transform(F)
    assert isinstance(table, frame)
    assert list(table.columns) == ["acetransformer0", "acetransformer1", "acetransformer2"]
    assert list(ace.get_feature_names_out()) == list(table.columns)
    assert_array_equal(table.to_numpy(), ACETransformer(3).fit_transform(F))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output_leaves_interactions_with_arrays(make_shop, library):
    X = make_shop()
    features = ACETransformer(3).set_output(transform=library).fit_transform(X).catalog.features
    assert isinstance(features, np.ndarray)
    assert_array_equal(features, ACETransformer(3).fit_transform(X).catalog.features)
    with sklearn.config_context(transform_output=library):
        assert_array_equal(ACETransformer(3).fit_transform(X).catalog.features, features)


def test_names_of_columns_are_noted(make_cone):
    F = pd.DataFrame(make_cone(), columns=[f"dim{j}" for j in range(10)])
    ace = ACETransformer(3).fit(F)
    assert list(ace.feature_names_in_) == list(F.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        ace.transform(F.rename(columns={"dim0": "other"}))


def _through_skops(ace):
    data = skops.io.dumps(ace)
    types = skops.io.get_untrusted_types(data=data)
    assert types == ["skace.embeddings._ace.ACETransformer"]
    return skops.io.loads(data, trusted=types)


def _through_joblib(ace):
    file = io.BytesIO()
    joblib.dump(ace, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize(
    "copy",
    [
        lambda ace: pickle.loads(pickle.dumps(ace)),
        lambda ace: cloudpickle.loads(cloudpickle.dumps(ace)),
        _through_joblib,
        _through_skops,
    ],
    ids=["pickle", "cloudpickle", "joblib", "skops"],
)
def test_a_stored_transformer_gives_equal_output_and_learns_on(make_cone, copy):
    F = make_cone()
    ace = ACETransformer(4, alpha=0.3).fit(F[:80])
    again = copy(ace)
    assert_array_equal(again.transform(F), ace.transform(F))
    assert_array_equal(again.partial_fit(F[80:]).transform(F), ace.partial_fit(F[80:]).transform(F))


def test_a_stored_transformer_holds_neither_rows_nor_catalog(make_cone, make_shop):
    X = make_shop(make_cone(n=2000, d=6), n_events=3000)
    ace = ACETransformer(3).fit(X)
    assert len(pickle.dumps(ace)) < 10_000
    assert not hasattr(ace, "_source_catalog")


def test_clone_has_the_parameters_and_nothing_learned(make_cone):
    ace = ACETransformer(4, alpha=math.inf, center=True).fit(make_cone())
    copy = clone(ace)
    assert copy.get_params() == ace.get_params()
    assert set(vars(copy)) == set(ace.get_params())


def test_transform_does_not_change_the_transformer(make_cone, make_shop):
    ace = ACETransformer(3).fit(make_shop())
    before = pickle.dumps(ace)
    ace.transform(make_cone(d=6))
    ace.transform(make_shop())
    ace.transform([["item001"]])
    assert pickle.dumps(ace) == before


def test_works_in_pipelines_and_unions_of_arrays(make_cone):
    F = make_cone()
    union = FeatureUnion([("white", ACETransformer(3, alpha=0)), ("raw", ACETransformer(2))])
    pipe = make_pipeline(StandardScaler(), union).set_output(transform="pandas")
    assert pipe.fit_transform(F).shape == (120, 5)
    assert pipe.get_feature_names_out()[0] == "white__acetransformer0"


@pytest.mark.parametrize("alpha", [0.1, math.inf])
def test_interactions_get_the_table_in_place_of_the_features(make_shop, alpha):
    X = make_shop()
    ace = ACETransformer(3, alpha=alpha)
    transformed = ace.fit_transform(X[:30])
    assert isinstance(transformed, Interactions)
    assert_array_equal(transformed.items, X[:30].items)
    expected = ACETransformer(3, alpha=alpha).fit_transform(X.catalog.features)
    assert_array_equal(transformed.catalog.features, expected)
    assert_array_equal(ace.transform(X.next_queries()).catalog.features, expected)
    assert X.catalog.features.shape == (20, 6)


def test_cold_items_of_another_catalog_get_their_vector(make_cone, make_shop):
    ace = ACETransformer(3).fit(make_shop(make_cone(n=20, d=6)))
    new = make_shop(make_cone(n=5, d=6, seed=9))
    assert_array_equal(ace.transform(new).catalog.features, ace.transform(new.catalog.features))


def test_one_catalog_is_decomposed_once_for_all_settings_that_share_it(make_shop):
    X = make_shop()
    for settings in (
        {"alpha": 0.1},
        {"alpha": math.inf},
        {"alpha": "auto"},
        {"target_isotropy": 0.95},
        {"spectrum": "power", "exponent": 0.2},
        {"scale": 1.0},
        {"n_components": 2},
        {"solver": "gram"},
    ):
        found = ACETransformer(**{"n_components": 3} | settings).fit(X[:7])
        expected = ACETransformer(**{"n_components": 3} | settings).fit(X.catalog.features)
        assert_array_equal(found.components_, expected.components_)
        assert found.output_scale_ == expected.output_scale_
    assert MEMO.n_computed == 1


def test_a_grid_over_few_components_of_wide_vectors_decomposes_once(make_cone, make_shop):
    X = make_shop(make_cone(n=200, d=520, decay=0.98))
    for n_components in (2, 30, 128):
        ace = ACETransformer(n_components, solver="gram", alpha=0.3).fit(X)
        exact = ACETransformer(n_components, solver="full", alpha=0.3).fit(X.catalog.features)
        assert_allclose(ace.singular_values_, exact.singular_values_, rtol=1e-6)
        assert_allclose(ace.components_, exact.components_, atol=1e-6)
    assert MEMO.n_computed == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"center": True},
        {"normalize": False},
        {"solver": "full"},
        {"solver": "randomized", "random_state": 0},
    ],
)
def test_settings_that_matter_are_decomposed_apart(make_shop, settings):
    X = make_shop()
    ACETransformer(3).fit(X)
    ace = ACETransformer(3, **settings).fit(X)
    assert MEMO.n_computed == 2
    expected = ACETransformer(3, **settings).fit(X.catalog.features)
    assert_array_equal(ace.components_, expected.components_)


def test_catalogs_are_told_apart_by_content(make_cone, make_shop):
    one, two = make_shop(make_cone(n=20, d=6)), make_shop(make_cone(n=20, d=6, seed=1))
    same = make_shop(make_cone(n=20, d=6))
    tables = [ACETransformer(3).fit_transform(X).catalog.features for X in (one, two, same)]
    assert MEMO.n_computed == 2
    assert_array_equal(tables[0], tables[2])
    assert np.abs(tables[0] - tables[1]).max() > 0.01


@pytest.mark.parametrize(("random_state", "n_computed"), [(0, 2), (None, 2)])
def test_the_randomised_solver_is_memoised_per_seed_and_width(make_shop, random_state, n_computed):
    X = make_shop()
    for k in (2, 3, 2, 3):
        ACETransformer(k, solver="randomized", random_state=random_state).fit(X)
    assert MEMO.n_computed == n_computed


def test_a_generator_as_seed_is_not_memoised(make_shop):
    X = make_shop()
    rng = np.random.RandomState(0)
    for _ in range(2):
        ACETransformer(3, solver="randomized", random_state=rng).fit(X)
    assert MEMO.n_computed == 0


def test_fits_of_arrays_do_not_fill_the_memo(make_cone):
    ACETransformer(3).fit(make_cone())
    assert MEMO.n_computed == 0


def test_writing_to_learned_attributes_does_not_reach_the_memo(make_shop):
    X = make_shop()
    first = ACETransformer(3).fit(X)
    expected = first.components_.copy()
    for name in ("components_", "singular_values_", "shrinkage_", "mean_"):
        getattr(first, name)[:] = 0.0
    first.partial_fit(X)
    assert_array_equal(ACETransformer(3).fit(X).components_, expected)


def test_weights_are_for_arrays_only(make_shop):
    X = make_shop()
    text = (
        r"^sample_weight cannot be given with Interactions: it would have one value per event, and "
        r"ACETransformer learns from items\. Fit ACETransformer on X\.catalog\.features with one "
        r"sample_weight per item\.$"
    )
    with pytest.raises(ValueError, match=text):
        ACETransformer(3).fit(X, sample_weight=np.ones(len(X)))


def test_metadata_routing_knows_the_weights(make_cone):
    F = make_cone()
    weights = np.linspace(0.1, 2.0, len(F))
    with sklearn.config_context(enable_metadata_routing=True):
        ace = ACETransformer(3).set_fit_request(sample_weight=True)
        pipe = Pipeline([("ace", ace)]).fit(F, sample_weight=weights)
        assert ace.set_partial_fit_request(sample_weight=True) is ace
    expected = ACETransformer(3).fit(F, sample_weight=weights)
    assert_array_equal(pipe["ace"].components_, expected.components_)


class _Recorder:
    """Callback that notes what it is told."""

    max_propagation_depth = None

    def __init__(self):
        self.calls = []

    def setup(self, estimator, context):  # noqa: ARG002 (the protocol names them)
        self.calls.append(("setup", type(estimator).__name__))

    def on_fit_task_begin(self, estimator, context, *, X, metadata):
        self.calls.append(("begin", type(estimator).__name__, context.task_name, type(X).__name__))
        self.metadata = metadata

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):  # noqa: ARG002
        self.calls.append(("end", type(estimator).__name__, context.task_name))
        self.fitted = fitted_estimator

    def teardown(self, estimator, context):  # noqa: ARG002 (the protocol names them)
        self.calls.append(("teardown", type(estimator).__name__))


@pytest.mark.parametrize("method", ["fit", "partial_fit", "fit_transform"])
@pytest.mark.parametrize("kind", ["array", "interactions"])
def test_a_fit_is_one_task_for_callbacks(make_cone, make_shop, method, kind):
    recorder = _Recorder()
    X = make_cone(d=6) if kind == "array" else make_shop()
    ace = ACETransformer(3).set_callbacks(recorder)
    getattr(ace, method)(X)
    assert recorder.calls == [
        ("setup", "ACETransformer"),
        ("begin", "ACETransformer", "fit", "ndarray"),
        ("end", "ACETransformer", "fit"),
        ("teardown", "ACETransformer"),
    ]
    assert recorder.metadata == {"sample_weight": None}
    rows = make_cone(n=3, d=6)
    assert_array_equal(recorder.fitted.transform(rows), ace.transform(rows))
    assert "_callback_fit_ctx" not in vars(ace)


def test_callbacks_end_when_a_fit_fails(make_cone):
    recorder = _Recorder()
    F = make_cone()
    F[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        ACETransformer(3).set_callbacks(recorder).fit(F)
    assert recorder.calls[-1] == ("teardown", "ACETransformer")


def test_a_progress_bar_on_a_pipeline_reaches_the_transformer(make_cone, capsys):
    pipe = make_pipeline(ACETransformer(3), StandardScaler())
    pipe.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(make_cone())
    assert "ACETransformer" in capsys.readouterr().out


def test_parameters_are_documented_and_assigned_untouched():
    odd = {
        "n_components": 7, "alpha": 3, "alpha_mode": "absolute", "spectrum": "power",
        "exponent": 0.25, "target_isotropy": 0.5, "center": True, "normalize": False, "scale": 2,
        "solver": "full", "random_state": 5,
    }  # fmt: skip
    assert ACETransformer(**odd).get_params() == odd
    for name in odd:
        assert f"    {name} : " in ACETransformer.__doc__


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_components", 2), ("alpha", 3.0), ("alpha_mode", "absolute"), ("target_isotropy", 0.99),
        ("center", True), ("normalize", False), ("scale", 1.0), ("spectrum", "power"),
    ],
)  # fmt: skip
def test_every_parameter_matters(make_cone, name, value):
    F = make_cone() * np.linspace(0.5, 2.0, 120)[:, None]
    usual = ACETransformer(4).fit_transform(F)
    other = ACETransformer(**{"n_components": 4, name: value}).fit_transform(F)
    assert usual.shape != other.shape or np.abs(usual - other).max() > 1e-3


def test_catalogs_without_vectors_are_refused(make_shop):
    bare = Interactions(["al", "al"], ["pen", "ink"])
    texts = Interactions(["al"], ["pen"], catalog=Catalog(["pen", "ink"], ["red pen", "ink"]))
    for method in ("fit", "partial_fit", "fit_transform"):
        with pytest.raises(
            ValueError,
            match=r"^X\.catalog has no features for ACETransformer to act on; build Interactions "
            r"with catalog=Catalog\(item_ids, features\) or Catalog\.from_frame\(items, "
            r"features='vector'\)\.$",
        ):
            getattr(ACETransformer(2), method)(bare)
        with pytest.raises(
            ValueError,
            match=r"^X\.catalog\.features holds texts, but ACETransformer needs vectors; encode "
            r"them in a step before it, for example OnItems\(make_pipeline\(TfidfVectorizer\(\), "
            r"TruncatedSVD\(2\)\)\)\.$",
        ):
            getattr(ACETransformer(2), method)(texts)
    ace = ACETransformer(2).fit(make_shop())
    with pytest.raises(ValueError, match=r"^X\.catalog has no features"):
        ace.transform(bare)
