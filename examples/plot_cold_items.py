"""
Cold items: recommending what nobody has taken yet
==================================================

A new item has no events, so a model of ids knows nothing about it. A model that reads item vectors
can recommend it, because its vector comes from the text. How well this works depends on how
training changes the items around the new one.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# A hundred items arrive
# ----------------------
# In a **made-up** shop a hundred of the items count as new. Training uses only each user's events
# before the first new item, so it sees no event of a new item.

import numpy as np

from skace.datasets import make_shop

shop = make_shop(
    n_users=1500,
    n_items=500,
    n_events=11_000,
    mean_cosine=0.6,
    spectral_decay=0.8,
    feature_noise=0.3,
    random_state=0,
)
X = shop.interactions
new_items = np.random.default_rng(0).choice(X.catalog.item_ids, 100, replace=False)

events = X.to_frame("pandas")
events["is_new"] = events["item_id"].isin(new_items)
n_new_so_far = events.groupby("user_id")["is_new"].cumsum().to_numpy()
is_first_new = events["is_new"].to_numpy() & (n_new_so_far == 1)
print(f"{is_first_new.sum()} of {X.n_users} users took a new item sooner or later")

# %%
# There are two kinds of test rows: each user's first new item and, for comparison, the last item
# before it.

from skace import Interactions, leave_last_out

X_before = X[n_new_so_far == 0]
X_train, X_warm = leave_last_out(X_before)
X_cold = X[is_first_new]
len(X_train), len(X_warm), len(X_cold)

# %%
# Five recommenders
# -----------------
# Cold items take no part in the loss, so training does not push them down. ``IDTable`` reads no
# vectors and scores them ``-inf``. A trained table leaves the vector of a new item unchanged, while
# the others grow and turn. A frozen table or an adapter treats all items alike.

from sklearn.pipeline import make_pipeline

from skace import ACETransformer, PopularityEstimator, SASRecEstimator
from skace.item_tables import FrozenTable, IDTable, MLPAdapter, TrainableTable


def network(item_table):
    """Return a small network that reads ACE's vectors through a table."""
    model = SASRecEstimator(
        embedding_dim=48,
        item_table=item_table,
        n_layers=1,
        dropout=0.2,
        learning_rate=0.003,
        random_state=0,
    )
    return make_pipeline(ACETransformer(48, alpha=1), model)


models = {
    "bestsellers": PopularityEstimator(),
    "ids": network(IDTable()),
    "trained": network(TrainableTable()),
    "frozen": network(FrozenTable()),
    "adapter": network(MLPAdapter()),
}

# %%
# :func:`~skace.metrics.ranking_report` separates warm and cold targets. All 500 items compete for
# every row: the model does not know that the answer is a new item.

from skace.metrics import ranking_report

X_test = Interactions.concat([X_warm, X_cold])
reports = {name: ranking_report(model.fit(X_train), X_test, k=20) for name, model in models.items()}
print(f"{'Recall@20':<12} {'warm':>6} {'cold':>6}")
for name, report in reports.items():
    print(f"{name:<12} {report['warm']['recall@20']:>6.3f} {report['cold']['recall@20']:>6.3f}")

# %%
# A shelf of new items
# --------------------
# A trained table seems useless here, worse than chance. But it ranks new items well among
# themselves. Training has moved the old items towards the histories, so they outrank the new ones,
# which have not moved. To fill a shelf with new items only, pass them to ``recommend`` as
# candidates, a list of ids.


def shelf_recall(model, k=20):
    """Share of the rows whose new item is among the k best of the new ones."""
    rows = model[:-1].transform(X_cold)
    item_ids, _ = model[-1].recommend(rows, k, candidates=new_items)
    return np.mean((item_ids == X_cold.items[:, None]).any(axis=1))


shelf = {name: shelf_recall(models[name]) for name in ("trained", "frozen", "adapter")}
for name, value in shelf.items():
    print(f"{name:<8} Recall@20 among the 100 new items: {value:.3f} (chance: .200)")

# %%
# The chart shows both; dotted lines are the scores of blind guessing.

import matplotlib.pyplot as plt

from skace.inspection import PopularityDisplay

fig, (left, right) = plt.subplots(
    ncols=2, figsize=(10, 4), width_ratios=[2.6, 1], layout="constrained"
)
PopularityDisplay.from_reports(reports, metric="recall@20", groups=("warm", "cold"), ax=left)
left.axhline(20 / X.n_items, color="0.3", linestyle=":", zorder=0)
for text in left.texts:  # figures stand over the line, not in it
    text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
left.set_xlabel("targets with and without training events, among all 500 items")
bars = right.bar(list(shelf), list(shelf.values()), color=["#009E73", "#CC79A7", "#E69F00"])
right.bar_label(bars, fmt="%.2f", padding=2)
right.axhline(20 / len(new_items), color="0.3", linestyle=":")
right.set_xlabel("cold, among the new 100")
right.margins(y=0.12)
plt.show()
