"""Rules of an answer: candidates, what is left out, quotas; also through Pipelines and searches."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skace
from skace import Catalog, EASEEstimator, Interactions, LeaveLastOut, OnItems
from skace.recommenders import (
    DiversifiedRecommender,
    ItemKNNEstimator,
    SequentialRecommender,
    _answering,
)
from skace.recommenders.rules._quotas import Quota, best_within

N_ITEMS, N_USERS = 12, 9
IDS = np.array([f"i{number:02d}" for number in range(N_ITEMS)])
KINDS = ["a", "b", "a", None, "c", "b", "a", "", "c", "a", "b", "a"]
TABLE = pd.DataFrame({"item_id": IDS, "kind": KINDS, "size": np.arange(N_ITEMS) % 5})


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    lists = [rng.permutation(N_ITEMS)[:5] for _ in range(N_USERS)]
    users = np.repeat([f"u{number}" for number in range(N_USERS)], 5)
    catalog = Catalog(IDS, pd.DataFrame({"kind": KINDS, "title": IDS}))
    return Interactions(users, IDS[np.concatenate(lists)], np.arange(users.size), catalog=catalog)


@pytest.fixture(scope="module")
def model(X):
    return EASEEstimator(k=4, regularization=1).fit(X)


@pytest.fixture
def rows(X):
    return X.next_queries()


def lists_of(seed, longest=6):
    """A list of ids for each row, one of them empty."""
    rng = np.random.default_rng(seed)
    lists = [IDS[rng.permutation(N_ITEMS)[: rng.integers(1, longest)]].tolist() for _ in range(9)]
    lists[4] = []
    return lists


def mask_of(lists):
    return np.array([np.isin(IDS, part) for part in lists])


def by_loop(scores, k, allowed, limits=()):
    """Lists of ids, by walking down the scores of each row."""
    answer = []
    for own, may in zip(scores, allowed, strict=True):
        taken, counts = [], {}
        for item in np.argsort(-own, kind="stable"):
            slots = [(n, values[item]) for n, (values, _) in enumerate(limits) if values[item]]
            is_full = any(counts.get(slot, 0) >= limits[slot[0]][1] for slot in slots)
            if len(taken) < k and may[item] and own[item] > -np.inf and not is_full:
                taken.append(IDS[item])
                counts |= {slot: counts.get(slot, 0) + 1 for slot in slots}
        answer.append(taken)
    return answer


FORMS = {
    "lists": lambda lists: lists,
    "tuples and sets": lambda lists: tuple(set(part) for part in lists),
    "arrays": lambda lists: [np.array(part, dtype=str) for part in lists],
    "Series": pd.Series,
    "polars": pl.Series,
    "mask": mask_of,
    "rows of booleans": lambda lists: mask_of(lists).tolist(),
    "csr": lambda lists: sp.csr_array(mask_of(lists)),
    "coo of numbers": lambda lists: sp.coo_array(mask_of(lists).astype(np.int8)),
    "callable, lists": lambda lists: lambda users, _: [lists[int(u[1:])] for u in users],
    "callable, mask": lambda lists: lambda users, _: mask_of([lists[int(u[1:])] for u in users]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("block_bytes", [1, 4 * 3 * N_ITEMS, 2**24])
def test_lists_per_row_are_those_of_a_loop(model, rows, form, block_bytes, monkeypatch):
    monkeypatch.setattr(_answering, "_BLOCK_BYTES", block_bytes)
    wanted, unwanted = lists_of(1), lists_of(2)
    scores = model.decision_function(rows)
    found = model.recommend(rows, candidates=FORMS[form](wanted))
    assert found.to_lists() == by_loop(scores, 4, mask_of(wanted))
    found = model.recommend(rows, candidates=FORMS[form](wanted), exclude=FORMS[form](unwanted))
    assert found.to_lists() == by_loop(scores, 4, mask_of(wanted) & ~mask_of(unwanted))
    found = model.recommend(rows, exclude=FORMS[form](unwanted), exclude_seen=True)
    seen = np.array([[item in set(history) for item in IDS] for history in histories_of(rows)])
    assert found.to_lists() == by_loop(scores, 4, ~mask_of(unwanted) & ~seen)


def histories_of(rows):
    items = rows.catalog.item_ids[rows._log.items]
    return [items[a:b].tolist() for a, b in zip(rows._starts, rows._ends, strict=True)]


@pytest.mark.parametrize(
    "form",
    [
        lambda ids: ids,
        set,
        np.array,
        pd.Series,
        lambda ids: np.isin(IDS, ids),
        lambda ids: np.isin(IDS, ids).tolist(),
        lambda ids: lambda _users, _items: ids,
        lambda ids: lambda _, items: np.isin(items, ids),
    ],
)
def test_one_list_holds_for_all_rows(model, rows, form):
    wanted, unwanted = ["i03", "i01", "i08", "i11", "i02"], ["i08", "i01"]
    scores = model.decision_function(rows)
    is_wanted, is_unwanted = np.isin(IDS, wanted), np.isin(IDS, unwanted)
    found = model.recommend(rows, candidates=form(wanted), exclude=form(unwanted))
    assert found.to_lists() == by_loop(scores, 4, np.tile(is_wanted & ~is_unwanted, (9, 1)))
    found = model.recommend(rows, exclude=form(unwanted))
    assert found.to_lists() == by_loop(scores, 4, np.tile(~is_unwanted, (9, 1)))
    mixed = model.recommend(rows, candidates=lists_of(3), exclude=form(unwanted))
    assert mixed.to_lists() == by_loop(scores, 4, mask_of(lists_of(3)) & ~is_unwanted)
    mixed = model.recommend(rows, candidates=form(wanted), exclude=lists_of(3))
    assert mixed.to_lists() == by_loop(scores, 4, is_wanted & ~mask_of(lists_of(3)))


@pytest.mark.parametrize("k", [1, 3, 12])
@pytest.mark.parametrize("quotas", [{"kind": 1}, {"kind": 2}, {"size": 1}, {"kind": 2, "size": 1}])
def test_quotas_are_those_of_a_loop(model, rows, k, quotas):
    limits = [([v if v != "" else None for v in TABLE[c]], n) for c, n in quotas.items()]
    limits = [([None if v is None else (v,) for v in values], n) for values, n in limits]
    scores = model.decision_function(rows)
    everything = np.ones((9, N_ITEMS), dtype=bool)
    found = model.recommend(rows, k, quotas=quotas, items=TABLE)
    assert found.to_lists() == by_loop(scores, k, everything, limits)
    under_rules = model.recommend(
        rows, k, quotas=quotas, items=TABLE, candidates=IDS[::2], exclude=lists_of(5)
    )
    allowed = np.isin(IDS, IDS[::2]) & ~mask_of(lists_of(5))
    assert under_rules.to_lists() == by_loop(scores, k, allowed, limits)
    # What a rule forbids only fills up.
    is_kept = np.isfinite(under_rules.scores)
    assert [len(part) for part in under_rules.to_lists()] == is_kept.sum(axis=1).tolist()
    assert (np.diff(is_kept.astype(int), axis=1) <= 0).all()


def test_quotas_look_as_far_down_as_they_have_to():
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((20, 500)).astype(np.float32)
    scores[:, :400] += 10  # one group takes all of the first places
    quota = Quota(2, np.where(np.arange(500) < 400, 0, 1 + np.arange(500) % 7))
    columns, best = best_within(scores, 10, [quota])
    groups = quota.groups[columns]
    assert (groups == 0).sum(axis=1).tolist() == [2] * 20
    assert all(np.bincount(row).max() <= 2 for row in groups)
    np.testing.assert_array_equal(best, np.take_along_axis(scores, columns, axis=1))
    assert (np.diff(best, axis=1) <= 0).all()


def test_columns_of_quotas_come_from_the_catalog_of_the_rows(model, rows):
    own = model.recommend(rows, quotas={"kind": 1})
    assert own.to_lists() == model.recommend(rows, quotas={"kind": 1}, items=TABLE).to_lists()
    assert own.to_lists() != model.recommend(rows).to_lists()


class _Widths(BaseEstimator):
    """Vectors of texts, by their lengths."""

    def fit(self, _, y=None):
        return self

    def transform(self, F):
        return np.arange(len(F))[:, None] % [2, 3, 5] + 1.0


def test_pipelines_and_searches_are_seen_through(X):
    steps = [OnItems(_Widths()), EASEEstimator(k=3, regularization=1)]
    pipe = make_pipeline(*steps).fit(X)
    rules = {"candidates": lists_of(1), "exclude": ["i00"], "quotas": {"kind": 1}}
    rows = X.next_queries()
    expected = steps[-1].fit(X).recommend(rows, items=TABLE, **rules)
    grid = {"easeestimator__regularization": [1.0]}
    search = GridSearchCV(pipe, grid, cv=LeaveLastOut()).fit(X)
    for estimator in (pipe, search, FrozenEstimator(pipe), steps[-1]):
        found = skace.recommend(estimator, rows, **rules)
        np.testing.assert_array_equal(found.item_ids, expected.item_ids)
        assert found.users.tolist() == rows.users.tolist()


def test_keys_of_histories_name_the_rows(X):
    pipe = make_pipeline(OnItems(_Widths()), EASEEstimator(k=2, regularization=1)).fit(X)
    histories = {"ann": ["i00", "i01"], "bo": [], "cy": ["i05"]}
    excluded = {"ann": ["i02"], "bo": ["i00"], "cy": ["i03"]}
    expected = skace.recommend(pipe, list(histories.values()))
    assert expected.users is None
    for keyed in (histories, pd.Series(histories)):
        found = skace.recommend(pipe, keyed)
        np.testing.assert_array_equal(found.item_ids, expected.item_ids)
        frame = found.to_frame("polars")
        assert frame["user_id"].to_list() == ["ann", "ann", "bo", "bo", "cy", "cy"]
        by_key = skace.recommend(pipe, keyed, exclude=lambda keys, _: [excluded[k] for k in keys])
        in_order = skace.recommend(pipe, keyed, exclude=list(excluded.values()))
        np.testing.assert_array_equal(by_key.item_ids, in_order.item_ids)
    assert skace.recommend(pipe, pd.Series(list(histories.values()))).users is None
    assert pipe[-1].predict(histories).shape == (3, 2)
    assert pipe.predict(histories).shape == (3, 2)


@pytest.mark.parametrize("name", ["candidates", "exclude"])
def test_labels_say_whose_list_it_is_and_which_item(model, rows, name):
    lists = {user: IDS[place : place + 3].tolist() for place, user in enumerate(rows.users)}
    expected = model.recommend(rows, **{name: list(lists.values())})
    turned = dict(reversed(lists.items()))
    for given in (lists, turned, pd.Series(turned)):
        found = model.recommend(rows, **{name: given})
        np.testing.assert_array_equal(found.item_ids, expected.item_ids)
    mask = pd.Series(np.arange(N_ITEMS) < 8, index=IDS)
    expected = model.recommend(rows, **{name: mask.to_numpy()})
    found = model.recommend(rows, **{name: mask.sample(frac=1, random_state=0)})
    np.testing.assert_array_equal(found.item_ids, expected.item_ids)
    # Ids are ids, whatever they are labelled with, as those of a part of a frame are.
    chosen = pd.Series(IDS)[[7, 3, 5]]
    found = model.recommend(rows, **{name: chosen})
    np.testing.assert_array_equal(
        found.item_ids, model.recommend(rows, **{name: chosen.to_list()}).item_ids
    )


@pytest.mark.parametrize("name", ["candidates", "exclude"])
@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ([["i00"]], ValueError, "has 1 lists, but X has 9 rows; give one list"),
        ([["i00"], "i01"], ValueError, "[1] is 'i01', but others are lists"),
        (["i00", "x1", "x2"], ValueError, "holds 2 item id(s) that the model does not know"),
        ([["x1"]] * 9, ValueError, "holds 1 item id(s) that the model does not know: 'x1'"),
        ([[1]] * 9, ValueError, "are integers (first 1), but the model was fitted on strings"),
        (np.ones((9, 3), dtype=bool), ValueError, "is a mask of shape (9, 3); give one of shape"),
        (np.ones(5, dtype=bool), ValueError, "is a mask of shape (5,); give one of shape"),
        (sp.csr_array((3, N_ITEMS)), ValueError, "is a mask of shape (3, 12); give one of shape"),
        ([[True], [True, False]], ValueError, "holds booleans beside something else"),
        ([True, "i00"], ValueError, "holds booleans beside something else"),
        (np.eye(1, N_ITEMS, dtype=int)[0], ValueError, "zeros and ones of shape (12,)"),
        (np.eye(N_USERS, N_ITEMS), ValueError, "zeros and ones of shape (9, 12)"),
        ({"u0": ["i00"]}, ValueError, "but 8 of the 9 rows of X have no entry (first ['u1', 'u2'"),
        (pd.Series([["i00"]] * 9, index=["u0"] * 9), ValueError, "have no entry"),
        (pd.Series([True] * 3, index=IDS[:3]), ValueError, "but 9 of the 12 items of the model"),
        ("i00", TypeError, "must be item ids, one list of them per row"),
        (TABLE, TypeError, "must be item ids, one list of them per row"),
        (lambda *_: None, TypeError, "(row_ids, item_ids) returned None; return"),
        (lambda users, _: [["x"]] * len(users), ValueError, "what NAME returned holds 1 item"),
    ],
)
def test_lists_that_cannot_be_read_are_refused(model, rows, name, given, error, text):
    with pytest.raises(error) as raised:
        model.recommend(rows, **{name: given})
    assert text.replace("NAME", name) in str(raised.value)
    assert name in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"exclude": IDS}, ValueError, "exclude leaves none of the 12 items"),
        ({"candidates": ["x"], "unknown_ids": "ignore"}, ValueError, "candidates is empty"),
        ({"unknown_ids": "drop"}, ValueError, "unknown_ids must be 'error' or 'ignore'"),
        ({"quotas": ["kind"]}, TypeError, "quotas must be a dict of column to number"),
        ({"quotas": {"kind": 0}}, ValueError, "quotas['kind'] must be an int in the range [1"),
        ({"quotas": {"kind": True}}, ValueError, "quotas['kind'] must be an int in the range [1"),
        ({"quotas": {"brand": 1}}, ValueError, "quotas names the column(s) 'brand', but the items"),
        ({"quotas": {"kind": 1}, "items": "x"}, TypeError, "items must be a frame or a Catalog"),
        (
            {"quotas": {"kind": 1}, "items": Catalog(["x"], pd.DataFrame({"kind": ["a"]}))},
            ValueError,
            "quotas: the items that were given hold none of the model's items",
        ),
        (
            {"quotas": {"kind": 1}, "items": Catalog(IDS)},
            ValueError,
            "quotas needs the column(s) 'kind' of the items, but the catalog has none",
        ),
        (
            {"quotas": {"kind": 1}, "items": pl.DataFrame({"item_id": IDS, "kind": [["a"]] * 12})},
            ValueError,
            "the column 'kind' holds values that are no single group",
        ),
    ],
)
def test_rules_that_cannot_be_kept_are_refused(model, rows, arguments, error, text):
    with pytest.raises(error) as raised:
        model.recommend(rows, **arguments)
    assert text in str(raised.value)


def test_unknown_ids_may_be_ignored(model, rows):
    known = model.recommend(rows, candidates=["i00", "i01"], exclude=lists_of(2))
    found = model.recommend(
        rows,
        candidates=["i00", "x", "i01"],
        exclude=[[*part, "x"] for part in lists_of(2)],
        unknown_ids="ignore",
    )
    np.testing.assert_array_equal(found.item_ids, known.item_ids)


def test_plain_lists_have_no_columns(model):
    with pytest.raises(ValueError, match="the catalog has none; pass the frame of items"):
        model.recommend([["i00"]], quotas={"kind": 1})


def test_what_holds_no_recommender_is_refused(X):
    class Scores(BaseEstimator):
        def fit(self, X, y=None):
            self.item_ids_ = X.catalog.item_ids
            return self

        def decision_function(self, X):
            return np.zeros((len(X), self.item_ids_.size))

    with pytest.raises(TypeError, match="Scores has no method recommend"):
        skace.recommend(Scores().fit(X), X)
    with pytest.raises(ValueError, match="frame"):
        skace.recommend(EASEEstimator(k=1).fit(X), TABLE)


@pytest.mark.parametrize("kind", ["string", "Int64"])
def test_missing_values_of_nullable_columns_are_not_limited(model, rows, kind):
    values = pd.array(["1", None] * 6, dtype="string").astype(kind)
    items = pd.DataFrame({"item_id": IDS, "group": values})
    lists = model.recommend(rows, 8, quotas={"group": 1}, items=items).to_lists()
    assert {sum(int(item[1:]) % 2 == 0 for item in ids) for ids in lists} == {1}


def test_a_flat_sparse_mask_is_a_mask(model, rows):
    mask = np.arange(N_ITEMS) < 5
    found = model.recommend(rows, candidates=sp.coo_array(mask))
    expected = model.recommend(rows, candidates=mask)
    np.testing.assert_array_equal(found.item_ids, expected.item_ids)


@pytest.mark.parametrize(
    "estimator", [ItemKNNEstimator(), DiversifiedRecommender(EASEEstimator())], ids=repr
)
def test_a_few_candidates_take_no_more_memory_than_all(estimator, X, monkeypatch):
    X = X.with_features(None)
    model = estimator.fit(X)
    scored = []
    score = SequentialRecommender._scores_of_block

    def spy(self, histories, columns, n_best):
        scored.append(len(histories))
        return score(self, histories, columns, n_best)

    monkeypatch.setattr(_answering, "_BLOCK_BYTES", 4 * model.item_ids_.size * 3)
    monkeypatch.setattr(SequentialRecommender, "_scores_of_block", spy)
    found = model.recommend(X, 2, candidates=X.catalog.item_ids[:2])
    assert max(scored) == 3
    assert np.isin(found.item_ids, X.catalog.item_ids[:2]).all()
