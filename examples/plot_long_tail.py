"""
The long tail: who is served well?
==================================

A mean over all test rows is mostly a mean over popular items. Two recommenders with equal scores
can serve very different users, so look at the groups.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# A shop with a long tail
# -----------------------
# The shop is **made up**; popularity falls with the rank of an item, as in many real shops.

import numpy as np

from skace import leave_last_out
from skace.datasets import make_shop

shop = make_shop(
    n_users=1500,
    n_items=800,
    n_events=9000,
    mean_cosine=0.6,
    spectral_decay=0.8,
    feature_noise=0.2,
    popularity_exponent=0.7,
    random_state=0,
)
X_train, X_test = leave_last_out(shop.interactions)
counts = np.sort(np.unique(X_train.items, return_counts=True)[1])[::-1]
share = counts[: X_train.n_items // 5].sum() / counts.sum()
print(f"a fifth of the items has {share:.0%} of the events")
print(f"{X_train.n_items - counts.size} items have none")

# %%
# Three recommenders
# ------------------

from sklearn.pipeline import make_pipeline

from skace import ACETransformer, PopularityEstimator, SASRecEstimator

training = {"n_layers": 1, "dropout": 0.2, "learning_rate": 0.003, "random_state": 0}
models = {
    "bestsellers": PopularityEstimator().fit(X_train),
    "random start": SASRecEstimator(embedding_dim=48, **training).fit(X_train.with_features(None)),
    "item vectors": make_pipeline(ACETransformer(48), SASRecEstimator(**training)).fit(X_train),
}

# %%
# By popularity of the target
# ---------------------------
# :class:`~skace.inspection.PopularityDisplay` groups the test rows by how often their target
# occurred in training. No model does well on items with a handful of events. Above that, vectors
# help most for items with some events but not enough: with many events an item needs no text.

import matplotlib.pyplot as plt

from skace.inspection import PopularityDisplay

display = PopularityDisplay.from_estimator(models, X_test, metric="recall@20", edges=(5, 20, 80))
plt.show()
for name, groups in display.scores.items():
    print(f"{name:<13}", "  ".join(f"{group}: {value:.3f}" for group, value in groups.items()))

# %%
# What the lists look like
# ------------------------
# Now look at the lists: how much of the catalog appears in anybody's top 10, and how many times
# more popular the shown items are than the average item.

from skace.metrics import catalog_coverage, popularity_lift

bestsellers = models["bestsellers"]
queries = X_train.next_queries()
print(f"{'top 10 of':<13} {'coverage':>9} {'popularity':>11}")
for name, model in models.items():
    lists = model.predict(queries)
    coverage = catalog_coverage(lists, bestsellers.item_ids_)
    lift = popularity_lift(lists, bestsellers.item_ids_, bestsellers.item_counts_)
    print(f"{name:<13} {coverage:>9.1%} {lift:>9.1f} x")
