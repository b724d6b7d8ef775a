"""Why an item: terms that sum to the score, or what it loses without an event."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

from skace import (
    ACETransformer,
    BERT4RecEstimator,
    Catalog,
    EASEEstimator,
    Interactions,
    ItemKNNEstimator,
    PopularityEstimator,
    RLAEEstimator,
    SASRecEstimator,
    SLISTEstimator,
    VotingRecommender,
)
from skace.datasets import make_cycle
from skace.recommenders import DiversifiedRecommender, _explain, explain

N_CAUSES, N_NOISE = 5, 15


def planted_log(seed, n_users=400):
    """Histories of noise with one cause at any place, and the effect of that cause at the end."""
    rng = np.random.default_rng(seed)
    noise = [f"noise{number}" for number in range(N_NOISE)]
    histories, effects, places = [], [], []
    for _ in range(n_users):
        length = int(rng.integers(2, 7))  # the place in the history does not tell the effect
        history = rng.permutation(noise)[:length].tolist()
        cause, place = rng.integers(N_CAUSES), rng.integers(length)
        history[place] = f"cause{cause}"
        histories.append(history)
        effects.append(f"effect{cause}")
        places.append(place)
    return histories, effects, np.array(places)


def share_found(model, seed):
    """How often the event that gives most is the planted one, in histories not learned from."""
    histories, effects, places = planted_log(seed + 100, n_users=200)
    found = explain(model, histories, effects)
    return np.mean([terms.argmax() for terms in found.contributions] == places)


SUMS = {
    "EASE": lambda: EASEEstimator(k=2, regularization=5),
    "EASE, decay": lambda: EASEEstimator(k=2, regularization=5, history_decay=2.0),
    "RLAE": lambda: RLAEEstimator(k=2, regularization=5),
    "SLIST": lambda: SLISTEstimator(k=2, regularization=5),
    "local": lambda: EASEEstimator(k=2, regularization=5, solver="local", n_neighbors=4),
    "neighbours": lambda: ItemKNNEstimator(k=2),
    "neighbours, no decay": lambda: ItemKNNEstimator(k=2, history_decay=None, train_decay=None),
}


@pytest.mark.parametrize("name", SUMS)
def test_terms_of_closed_forms_sum_to_the_score(name, make_log):
    X = make_log(n_users=30, n_items=8, n_features=4)
    model = SUMS[name]().fit(X)
    rows = X[X._ends > X._starts]
    for column in range(2):
        asked = model.predict(rows)[:, column]
        found = explain(model, rows, asked)
        scores = model.decision_function(rows)[np.arange(len(rows)), asked]
        np.testing.assert_allclose(
            [terms.sum() for terms in found.contributions], scores, atol=1e-5
        )
        np.testing.assert_allclose(found.scores, scores, atol=1e-6)
        assert found.adds_up
        assert [len(terms) for terms in found.contributions] == (rows._ends - rows._starts).tolist()


@pytest.mark.parametrize("name", ["EASE", "RLAE", "neighbours, no decay"])
@pytest.mark.parametrize("seed", range(3))
def test_closed_forms_find_the_planted_cause(name, seed):
    histories, effects, _ = planted_log(seed)
    model = SUMS[name]().fit(histories, effects)
    assert share_found(model, seed) >= 0.95


def small(cls, **params):
    shape = {"embedding_dim": 16, "max_length": 8, "batch_size": 32, "early_stopping": False}
    return cls(**shape | {"learning_rate": 0.01, "dropout": 0.1, "random_state": 0} | params)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.minutes) for seed in (1, 2, 3))]
)
def test_a_network_finds_the_planted_cause(seed):
    histories, effects, _ = planted_log(seed, n_users=600)
    model = small(SASRecEstimator, max_epochs=7, random_state=seed).fit(histories, effects)
    assert share_found(model, seed) >= 0.95


def leave_out_by_loop(model, history, item):
    column = model.item_ids_.tolist().index(item)
    whole = model.decision_function([history])[0, column]
    parts = [history[:place] + history[place + 1 :] for place in range(len(history))]
    return whole, [whole - model.decision_function([part])[0, column] for part in parts]


@pytest.mark.parametrize("block_events", [1, 20, 2**20])
@pytest.mark.parametrize(
    "make_model",
    [
        lambda: small(SASRecEstimator, max_epochs=1),
        lambda: small(BERT4RecEstimator, max_epochs=1),
        lambda: VotingRecommender([("ease", EASEEstimator()), ("slist", SLISTEstimator())]),
        PopularityEstimator,
    ],
)
def test_other_models_are_asked_without_each_event(make_model, block_events, monkeypatch):
    monkeypatch.setattr(_explain, "_BLOCK_EVENTS", block_events)
    histories, effects, _ = planted_log(0, n_users=60)
    model = make_model().fit(histories, effects)
    asked = [histories[0], histories[1][:2], histories[2][:1], [], histories[3]]
    items = ["effect0", "noise3", "effect1", "effect2", "cause1"]
    found = explain(model, asked, items)
    assert not found.adds_up
    for history, item, terms, score in zip(
        asked, items, found.contributions, found.scores, strict=True
    ):
        whole, expected = leave_out_by_loop(model, history, item)
        assert score == pytest.approx(whole, abs=1e-5)
        if len(history) == 1:
            expected = [whole]
        np.testing.assert_allclose(terms, expected, atol=1e-4)


def test_items_without_a_score_get_nothing():
    catalog = Catalog(["a", "b", "c", "new"])
    X = Interactions.from_sequences([["a", "b"], ["a", "b", "c"]], catalog=catalog)
    members = [("ease", EASEEstimator(k=1, regularization=1))]
    for model in (EASEEstimator(k=1, regularization=1), VotingRecommender(members, k=1)):
        found = explain(model.fit(X), [["a", "b"], ["a"]], ["new", "new"])
        assert all(np.isfinite(terms).all() for terms in found.contributions)


def test_frames_have_a_line_for_each_event_and_its_title():
    histories, effects, _ = planted_log(0)
    vectors = np.random.default_rng(0).standard_normal((2 * N_CAUSES + N_NOISE, 6))
    ids = sorted({item for history in histories for item in history} | set(effects))
    titles = pd.DataFrame({"item_id": ids, "title": [item.upper() for item in ids]})
    log = [[*history, effect] for history, effect in zip(histories, effects, strict=True)]
    X = Interactions.from_sequences(log, catalog=Catalog(ids, vectors))
    pipe = make_pipeline(ACETransformer(n_components=4), SUMS["EASE"]()).fit(X)
    found = explain(pipe, {"ann": ["cause0", "noise1"], "bo": ["noise2"]}, ["effect0", "effect1"])
    frame = found.to_frame(items=titles)
    assert frame.drop(columns="contribution").to_dict("list") == {
        "row": [0, 0, 1],
        "user_id": ["ann", "ann", "bo"],
        "explained_id": ["effect0", "effect0", "effect1"],
        "event": [0, 1, 0],
        "item_id": ["cause0", "noise1", "noise2"],
        "title": ["CAUSE0", "NOISE1", "NOISE2"],
    }
    single = explain(pipe, ["cause0", "noise1"], "effect0")
    np.testing.assert_array_equal(single.contributions[0], found.contributions[0])
    assert "user_id" not in single.to_frame("pandas")
    first = [[], log[0][:1]]
    assert [
        part.tolist() for part in explain(pipe, X[[0, 1]], X.items[[0, 1]]).history_ids
    ] == first
    assert explain(pipe, [], []).to_frame("pandas").empty


def test_a_diversified_recommender_is_explained_by_its_estimator():
    histories, effects, _ = planted_log(0)
    plain = SUMS["EASE"]().fit(histories, effects)
    model = DiversifiedRecommender(SUMS["EASE"](), k=2).fit(histories, effects)
    expected = explain(plain, histories[:3], effects[:3]).contributions
    found = explain(model, histories[:3], effects[:3]).contributions
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate(expected))


class _Scores(BaseEstimator):
    """A model of somebody else."""

    item_ids_ = np.array(["a"])

    def decision_function(self, X):
        return np.zeros((len(X), 1))


@pytest.mark.parametrize(
    ("X", "items", "error", "text"),
    [
        ([["cause0"]], ["effect0", "effect1"], ValueError, "item_ids has 2 items, but X has 1"),
        ([["cause0"]], ["x"], ValueError, "item_ids holds 1 item id(s) that the model does not"),
        ([["cause0"]], [3], ValueError, "item_ids are integers (first 3), but the model was"),
        ([["x"]], ["effect0"], ValueError, "holds item ids that the model has not been fitted on"),
        (pd.DataFrame({"a": [1]}), ["effect0"], ValueError, "X is a frame"),
    ],
)
def test_what_cannot_be_explained_is_refused(X, items, error, text):
    histories, effects, _ = planted_log(0, n_users=50)
    model = SUMS["EASE"]().fit(histories, effects)
    with pytest.raises(error) as raised:
        explain(model, X, items)
    assert text in str(raised.value)
    with pytest.raises(TypeError, match="_Scores has no method recommend"):
        explain(_Scores(), [["a"]], ["a"])


@pytest.mark.parametrize("history", [[4, 99], [99, 4], [4, 99, 98], [99]])
def test_events_that_are_not_read_explain_nothing(history):
    X = make_cycle(n_users=60, n_items=6, length=8, random_state=0)
    model = SASRecEstimator(
        k=1, embedding_dim=8, n_layers=1, n_heads=1, max_epochs=2, early_stopping=False,
        handle_unknown="ignore", random_state=0,
    ).fit(X)  # fmt: skip
    found = explain(model, [history], [5])
    own = [found.scores[0] if item == 4 else 0 for item in history]
    np.testing.assert_allclose(found.contributions[0], own, rtol=1e-5)
