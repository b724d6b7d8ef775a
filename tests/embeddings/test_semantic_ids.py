"""Tests of SemanticIdEncoder: planted groups, order, new items, and scikit-learn's contract."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skace import ACETransformer, Interactions
from skace.embeddings import SemanticIdEncoder
from skace.persistence import dump, load

METHODS = ["recursive", "residual"]


@pytest.fixture(scope="module")
def planted():
    """4 groups of 4 groups of 5 items, and the numbers of both."""
    rng = np.random.default_rng(0)
    groups = rng.normal(scale=10, size=(4, 1, 1, 16))
    parts = rng.normal(scale=2, size=(4, 4, 1, 16))
    F = (groups + parts + rng.normal(scale=0.05, size=(4, 4, 5, 16))).reshape(80, 16)
    return F, np.repeat(np.arange(4), 20), np.repeat(np.arange(16), 5)


def plain(**parameters):
    return SemanticIdEncoder(**({"normalize": False, "n_init": 10, "random_state": 0} | parameters))


def is_same_partition(first, second):
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    return len(pairs) == len(set(first.tolist())) == len(set(second.tolist()))


def joined(codes):
    return np.unique(codes, axis=0, return_inverse=True)[1].ravel()


@pytest.mark.filterwarnings("ignore:n_clusters=:UserWarning")
@pytest.mark.parametrize("method", METHODS)
def test_all_checks_of_scikit_learn_pass(method):
    results = check_estimator(SemanticIdEncoder(4, method=method), on_skip=None, on_fail=None)
    assert [result for result in results if result["status"] == "failed"] == []
    assert sum(result["status"] == "passed" for result in results) > 40


def test_planted_groups_are_found_level_by_level(planted):
    F, groups, parts = planted
    codes = plain(n_clusters=4).fit_transform(F)
    assert codes.dtype == np.int64
    assert is_same_partition(codes[:, 0], groups)
    assert is_same_partition(joined(codes), parts)


def test_what_is_left_over_tells_the_parts_of_groups(planted):
    F, groups, parts = planted
    encoder = plain(n_clusters=16, method="residual").fit(F)
    assert is_same_partition(encoder.transform(F)[:, 0], parts)
    encoder = plain(n_clusters=4, n_levels=6, method="residual").fit(F)
    assert is_same_partition(encoder.transform(F)[:, 0], groups)


@pytest.mark.parametrize("method", METHODS)
def test_more_levels_come_closer(planted, method):
    F = planted[0]
    encoder = plain(n_clusters=3, n_levels=4, method=method).fit(F)
    assert (np.diff(encoder.inertia_) < 0).all()
    back = encoder.inverse_transform(encoder.transform(F))
    assert_allclose(np.square(F - back).sum(), encoder.inertia_[-1])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("normalize", [False, True])
def test_order_of_rows_changes_nothing(planted, method, normalize):
    F = planted[0]
    order = np.random.default_rng(1).permutation(len(F))
    first, second = (plain(n_clusters=5, method=method, normalize=normalize) for _ in range(2))
    assert_array_equal(first.fit_transform(F)[order], second.fit_transform(F[order]))


@pytest.mark.parametrize("method", METHODS)
def test_new_items_go_where_the_nearest_ones_are(planted, method):
    F = planted[0]
    encoder = plain(n_clusters=4, method=method).fit(F[::2])
    assert_array_equal(encoder.transform(F[::2] + 1e-6), encoder.transform(F[::2]))
    assert is_same_partition(encoder.transform(F)[:, 0], planted[1])


def test_single_rows_come_back_and_end_in_zeros(planted):
    F = planted[0]
    encoder = plain(n_clusters=4, n_levels=5).fit(F)
    codes = encoder.transform(F)
    assert encoder.collision_rate_ == 0
    assert_allclose(encoder.inverse_transform(codes), F)
    assert (codes[:, -1] == 0).mean() > 0.5
    roots = encoder.node_parents_ == -1
    assert encoder.node_counts_[roots].sum() == 80
    assert (np.diff(encoder.node_parents_) >= 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_rows_that_are_equal_share_their_codes(planted, method):
    F = np.concatenate([planted[0][:6], planted[0][:2], planted[0][:1]])
    encoder = plain(n_clusters=3, n_levels=4, method=method).fit(F)
    codes = encoder.transform(F)
    assert_array_equal(codes[6:], codes[[0, 1, 0]])
    assert encoder.collision_rate_ == pytest.approx(5 / 9)


def test_a_node_that_nobody_is_nearest_to_counts_nobody():
    F = np.array([[1.0, 3], [1 + 2**-52, 3], [5, 5], [5, 5 + 2**-50]])  # pairs but for rounding
    encoder = plain(n_clusters=2, n_levels=2).fit(F)
    assert encoder.node_counts_.shape == encoder.node_parents_.shape
    at_top = encoder.node_parents_ < 0
    assert encoder.node_counts_[at_top].tolist() == [2, 2]
    assert encoder.node_counts_[~at_top].sum() == 4


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_catalog_has_one_id(method):
    with pytest.warns(UserWarning, match="n_clusters=128 is more than the 1 distinct row"):
        encoder = SemanticIdEncoder(method=method).fit(np.ones((5, 3)))
    assert (encoder.transform(np.ones((5, 3))) == 0).all()
    assert encoder.collision_rate_ == 1


@pytest.mark.filterwarnings("ignore:n_clusters=:UserWarning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n_clusters", "n_levels"), [(3, 2), (4, 3), (100, 2)])
def test_as_many_codes_as_are_told_occur_on_each_level(planted, method, n_clusters, n_levels):
    encoder = SemanticIdEncoder(n_clusters, n_levels=n_levels, method=method, random_state=0)
    codes = encoder.fit_transform(planted[0])
    assert encoder.n_clusters_.tolist() == (codes.max(axis=0) + 1).tolist()


@pytest.mark.parametrize("method", METHODS)
def test_one_cluster_is_allowed(planted, method):
    codes = plain(n_clusters=1, method=method).fit_transform(planted[0])
    assert (codes == 0).all()


def test_lengths_of_vectors_count_only_if_asked(planted):
    F = planted[0]
    longer = F * np.random.default_rng(2).uniform(0.1, 9, size=(len(F), 1))
    first, second = (plain(n_clusters=4, normalize=True).fit_transform(G) for G in (F, longer))
    assert is_same_partition(first[:, 0], second[:, 0])
    assert not is_same_partition(
        plain(n_clusters=4).fit_transform(F)[:, 0], plain(n_clusters=4).fit_transform(longer)[:, 0]
    )


@pytest.mark.parametrize("method", METHODS)
def test_interactions_get_codes_for_features(make_shop, method):
    X = make_shop()
    steps = make_pipeline(ACETransformer(4), SemanticIdEncoder(2, method=method, random_state=0))
    X_new = steps.fit_transform(X)
    assert isinstance(X_new, Interactions)
    codes = X_new.catalog.features  # floats, as all features of a catalog
    assert_array_equal(codes, codes.astype(np.int64))
    assert_array_equal(codes, steps.transform(X).catalog.features)
    assert steps[1].get_feature_names_out().tolist() == ["semanticidencoder0", "semanticidencoder1"]


@pytest.mark.parametrize("method", METHODS)
def test_files_give_the_same_codes(planted, method, tmp_path):
    encoder = plain(n_clusters=4, method=method).fit(planted[0])
    dump(encoder, tmp_path / "ids.skops")
    for copy in (pickle.loads(pickle.dumps(encoder)), load(tmp_path / "ids.skops")):
        assert_array_equal(copy.transform(planted[0]), encoder.transform(planted[0]))


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_gives_the_same_codes_and_leaves_the_global_generator_alone(planted, method):
    encoder = SemanticIdEncoder(7, method=method, n_init=1, random_state=3)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (clone(encoder).fit_transform(planted[0]) for _ in range(2))
    assert_array_equal(first, second)
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("codes", "text"),
    [
        ([[0]], "X has 1 columns, but this SemanticIdEncoder returned 2"),
        ([[0, 0], [0, 0.5]], "X holds 0.5 in row 1, column 1, but codes are whole numbers"),
        ([[0, 0], [9, 0]], "X holds the code 9 in row 1, column 0, where the fit knows 0 to 3"),
        ([[0, -1]], "X holds the code -1 in row 0, column 1, where the fit knows 0 to 3"),
    ],
)
def test_codes_that_mean_nothing_are_refused(planted, method, codes, text):
    encoder = plain(n_clusters=4, method=method).fit(planted[0])
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        encoder.inverse_transform(codes)


@pytest.mark.parametrize("method", METHODS)
def test_another_method_leaves_nothing_of_the_first(planted, method):
    F = planted[0]
    other = next(name for name in METHODS if name != method)
    encoder = plain(n_clusters=4, method=other).fit(F)
    before = encoder.transform(F)
    encoder.set_params(method=method)
    assert_array_equal(encoder.transform(F), before)  # until it is fitted again
    expected = plain(n_clusters=4, method=method).fit(F)
    assert vars(encoder.fit(F)).keys() == vars(expected).keys()
    assert_array_equal(encoder.transform(F), expected.transform(F))


@pytest.mark.parametrize("method", METHODS)
def test_starts_iterations_and_seeds_count(method):
    F = np.random.default_rng(0).normal(size=(300, 6))

    def inertia(seed, **parameters):
        words = {"n_init": 1, "random_state": seed, "method": method} | parameters
        return plain(n_clusters=10, n_levels=1, **words).fit(F).inertia_[-1]

    once = [inertia(seed) for seed in range(5)]
    assert len(set(once)) > 1
    assert np.mean([inertia(seed, n_init=10) for seed in range(5)]) < np.mean(once)
    cut = [plain(n_clusters=10, method=method, max_iter=n).fit(F).n_iter_ for n in (1, 100)]
    assert cut[0] == 1 < cut[1]
