"""
A map of the items
==================

A map shows how training changes item vectors: one point for each item, coloured by how
often the item was taken.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# Items with and without events
# -----------------------------
# In this **made-up** shop nearly half of the items have never been taken. Item vectors hold no
# popularity: they are made from category, style and noise.

import numpy as np

from skace import leave_last_out
from skace.datasets import make_shop

shop = make_shop(
    n_users=500,
    n_items=700,
    n_events=3500,
    mean_cosine=0.6,
    spectral_decay=0.8,
    popularity_exponent=1.4,
    random_state=0,
)
X_train, X_test = leave_last_out(shop.interactions)

# %%
# We fit two networks: one starts from random vectors, the other from ACE's.

from sklearn.pipeline import make_pipeline

from skace import ACETransformer, SASRecEstimator

training = {"n_layers": 1, "dropout": 0.2, "learning_rate": 0.003, "random_state": 0}
random_start = SASRecEstimator(embedding_dim=48, **training).fit(X_train.with_features(None))
ace_start = make_pipeline(ACETransformer(48, alpha=3), SASRecEstimator(**training)).fit(X_train)

# %%
# Where popularity rules
# ----------------------
# The axes are the two directions of largest variance. In ACE's vectors popular (bright) and cold
# (rings) items are mixed, and training from there changes the map only for a few bestsellers. From
# a random start popularity spreads the items out. The cold items stay in a clump at their start:
# the model knows nothing about them.

import matplotlib.pyplot as plt

from skace.inspection import EmbeddingMapDisplay

fig, axes = plt.subplots(ncols=3, figsize=(13, 4), layout="constrained")
vectors = ace_start[:-1].transform(X_train)
maps = {
    "ACE's vectors, before training": vectors,
    "trained from ACE's vectors": ace_start,
    "trained from a random start": random_start,
}
displays = {
    title: (
        EmbeddingMapDisplay.from_embeddings(one, ax=ax)
        if one is vectors
        else EmbeddingMapDisplay.from_estimator(one, ax=ax)
    )
    for ax, (title, one) in zip(axes, maps.items(), strict=True)
}
for ax, title in zip(axes, maps, strict=True):
    ax.set_title(title, y=1.1)
plt.show()

# %%
# This number says how well the place along the first direction predicts the logarithm of the
# count.


def told_of_popularity(display):
    """Squared correlation of the first direction with log counts of the warm items."""
    is_warm = display.counts > 0
    first = display.positions[is_warm, 0]
    return np.corrcoef(first, np.log(display.counts[is_warm]))[0, 1] ** 2


for title, display in displays.items():
    print(f"{title:<31} {told_of_popularity(display):.2f}")

# %%
# Neighbours, kept
# ----------------
# t-SNE keeps neighbours and gives up distances. You can draw the ``positions`` of a display in
# other ways, here ACE's vectors by category. The islands come from the text alone, so a cold item
# has neighbours, too.

display = EmbeddingMapDisplay.from_embeddings(vectors, method="tsne", random_state=0)
plt.close(display.figure_)

categories = shop.item_columns["category"]
fig, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
styles = zip(
    np.unique(categories),
    ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "0.6"],
    "os^DvP*X",
    strict=True,
)
for category, color, marker in styles:
    is_in = categories == category
    ax.scatter(
        *display.positions[is_in].T, s=16, color=color, marker=marker, linewidths=0, label=category
    )
ax.set_xlabel("t-SNE dimension 1")
ax.set_ylabel("t-SNE dimension 2")
ax.set_xticks([])
ax.set_yticks([])
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, title="category")
plt.show()
