"""The main job from start to end, on a shop made up on the spot: run it with `make demo`."""
# SPDX-License-Identifier: BSD-3-Clause

import time

from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import (
    ACETransformer,
    LeaveLastOut,
    PopularityEstimator,
    SASRecEstimator,
    ndcg_scorer,
    recall_scorer,
)
from skace.datasets import make_shop
from skace.embeddings import mean_cosine, participation_ratio
from skace.model_selection import leave_last_out

ALPHAS = [0, 0.1, 1, 10]
WIDTH = 64
# The shop is small: less dropout and larger steps than the defaults, which suit larger logs.
TRAINING = {"dropout": 0.2, "learning_rate": 0.003, "batch_size": 128, "random_state": 0}


def say(title):
    """Print a heading."""
    print(f"\n{title}\n{'-' * len(title)}", flush=True)


def show_data(shop):
    """What the log and the catalog hold."""
    say("The data")
    print(shop.interactions)
    print(shop.catalog)
    for item_id, title in zip(
        shop.item_columns["item_id"][:3], shop.item_columns["title"][:3], strict=True
    ):
        print(f"  {item_id}  {title}")


def show_anisotropy(catalog):
    """How lopsided the vectors are, as they came and after ACE."""
    say("The problem: all vectors point the same way")
    print("mean cosine: 0 is isotropic. Directions in use: how many of all carry the variance.\n")
    print(f"{'vectors':<22}{'mean cosine':>12}{'directions in use':>19}")
    versions = {"as they came": catalog.features}
    for alpha in ALPHAS:
        ace = ACETransformer(n_components=WIDTH, alpha=alpha)
        versions[f"ACE, alpha={alpha}"] = ace.fit_transform(catalog.features)
    for name, vectors in versions.items():
        used = f"{participation_ratio(vectors):.1f} of {vectors.shape[1]}"
        print(f"{name:<22}{mean_cosine(vectors):>12.3f}{used:>19}")


def search_alpha(train):
    """Choose alpha by the last training event of each user."""
    say("The search: GridSearchCV over ace__alpha, cv=LeaveLastOut()")
    print("five fits, one after the other ...", flush=True)
    pipe = Pipeline(
        [
            ("ace", ACETransformer(n_components=WIDTH)),
            ("rec", SASRecEstimator(k=5, **TRAINING)),
        ]
    )
    search = GridSearchCV(
        pipe, {"ace__alpha": ALPHAS}, cv=LeaveLastOut(), scoring=ndcg_scorer(k=10)
    ).fit(train)
    for alpha, score in zip(ALPHAS, search.cv_results_["mean_test_score"], strict=True):
        mark = "  <- chosen" if alpha == search.best_params_["ace__alpha"] else ""
        print(f"alpha={alpha:<5} validation NDCG@10 {score:.4f}{mark}")
    return search


def compare(search, train, test, oracle):
    """Score models on each user's last event, which none of them has seen."""
    say(f"The test: {len(test)} held-out last events, ranked among all {test.n_items} items")
    no_vectors = SASRecEstimator(embedding_dim=WIDTH, **TRAINING)
    models = {
        "popularity": PopularityEstimator().fit(train),
        "SASRec, random start": no_vectors.fit(train.with_features(None)),
        "SASRec, ACE start": search,
    }
    ndcg, recall = ndcg_scorer(k=10), recall_scorer(k=10)
    print(f"{'model':<22}{'NDCG@10':>9}{'Recall@10':>11}")
    for name, model in models.items():
        print(f"{name:<22}{ndcg(model, test):>9.4f}{recall(model, test):>11.4f}")
    best = oracle.best_ndcg(test, k=10), oracle.best_recall(test, k=10)
    print(f"{'best achievable':<22}{best[0]:>9.4f}{best[1]:>11.4f}   (the shop's own law)")


def recommend(search, shop):
    """Answer a visitor who is in no log."""
    say("An unknown visitor: a plain list of item ids")
    titles = dict(
        zip(shop.item_columns["item_id"].tolist(), shop.item_columns["title"].tolist(), strict=True)
    )
    history = shop.item_columns["item_id"][:2].tolist()
    print(f"search.predict([{history}])\n")
    for item_id in history:
        print(f"  took      {item_id}  {titles[item_id]}")
    for item_id in search.predict([history])[0].tolist():
        print(f"  may like  {item_id}  {titles[item_id]}")


def main(n_users=1500, n_items=1200, n_events=9_000):
    """Run all parts."""
    started = time.perf_counter()
    shop = make_shop(
        n_users,
        n_items,
        n_events,
        n_features=96,
        mean_cosine=0.6,
        spectral_decay=0.8,
        random_state=0,
    )
    train, test = leave_last_out(shop.interactions)
    show_data(shop)
    show_anisotropy(shop.catalog)
    search = search_alpha(train)
    compare(search, train, test, shop.oracle)
    recommend(search, shop)
    print(f"\nDone in {time.perf_counter() - started:.0f} seconds. `make test` runs the tests.")


if __name__ == "__main__":
    main()
