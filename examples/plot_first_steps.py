"""
First steps: from two frames to recommendations
===============================================

This page goes from two frames to a fitted recommender, an answer for an unknown visitor, and a
chart for a colleague. The first frame is a log: who took what and when. The second describes the
items, here by the vectors that a language model made from their texts.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# Two frames
# ----------
# The shop is **made up**, so that we know the best score that a recommender can reach. With your
# own data this cell is two calls of ``pandas.read_csv`` or the like; polars and pyarrow frames work
# as well.

import pandas as pd

from skace.datasets import make_shop

shop = make_shop(
    n_users=1500,
    n_items=800,
    n_events=9000,
    mean_cosine=0.6,
    spectral_decay=0.8,
    random_state=0,
)
log = shop.interactions.to_frame("pandas")
items = pd.DataFrame(shop.item_columns).assign(vector=list(shop.catalog.features))

print(log.head(3).to_string(index=False))
print()
print(items[["item_id", "title", "category"]].head(3).to_string(index=False))

# %%
# One object
# ----------
# A :class:`~skace.Catalog` holds the items, and :class:`~skace.Interactions` holds the log. Vectors
# and events are matched by id. Each row of ``X`` is an event that knows its user's earlier events,
# so you can split the rows without losing anything.

from skace import Catalog, Interactions

X = Interactions.from_frame(log, catalog=Catalog.from_frame(items, features="vector"))
X

# %%
# The last event of each user is the test row.

from skace import leave_last_out

X_train, X_test = leave_last_out(X)

# %%
# Fit and compare
# ---------------
# A Pipeline reshapes the vectors (:class:`~skace.ACETransformer`), then trains a transformer
# network that starts from them. We compare it with the same network from a random start, and with a
# list of bestsellers.

from sklearn.pipeline import Pipeline

from skace import ACETransformer, PopularityEstimator, SASRecEstimator, ndcg_scorer

training = {"n_layers": 1, "dropout": 0.2, "learning_rate": 0.003, "random_state": 0}
pipe = Pipeline(
    [
        ("ace", ACETransformer(n_components=64, alpha=1)),
        ("rec", SASRecEstimator(k=5, **training)),
    ]
)
models = {
    "bestsellers": PopularityEstimator().fit(X_train),
    "network, random start": SASRecEstimator(embedding_dim=64, **training).fit(
        X_train.with_features(None)
    ),
    "network, item vectors": pipe.fit(X_train),
}
score = ndcg_scorer(k=10)
scores = {name: score(model, X_test) for name, model in models.items()}
best_possible = shop.oracle.best_ndcg(X_test, k=10)
for name, value in scores.items():
    print(f"{name:<22} NDCG@10 {value:.3f}")
print(f"{'best possible':<22} NDCG@10 {best_possible:.3f}")

# %%
# A chart for a colleague
# -----------------------
# The dashed line is the expected score of somebody who knows the rule of this made-up shop. In a
# real shop we cannot draw this line, but there is such a limit, too: nobody's next step is certain.

import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
bars = ax.barh(list(scores), list(scores.values()), color=["0.7", "#56B4E9", "#0072B2"], height=0.6)
ax.bar_label(bars, fmt="%.3f", padding=4)
ax.axvline(best_possible, color="black", linestyle="--", linewidth=1)
ax.annotate(
    "best possible",
    (best_possible, 1.0),
    xycoords=("data", "axes fraction"),
    xytext=(-4, -4),
    textcoords="offset points",
    ha="right",
    va="top",
)
ax.invert_yaxis()
ax.set_xlabel("NDCG@10 on each user's last event, all 800 items ranked")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# An answer for anybody
# ---------------------
# The model keeps items, not users, so a list of item ids is all that it needs from a visitor.
# ``pipe.predict([basket])`` gives the five best. ``recommend`` with ``exclude_seen=True`` leaves
# out the items of the basket.

titles = dict(zip(items["item_id"], items["title"], strict=True))
basket = items["item_id"].iloc[:2].tolist()
item_ids, _ = pipe[-1].recommend([basket], exclude_seen=True)
print("took     ", ", ".join(titles[item] for item in basket))
for item in item_ids[0]:
    print("may like ", titles[item])
