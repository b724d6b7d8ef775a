"""
Walking down a tree of items
============================

A generative recommender first predicts the kind of the next item, then the item. Here items get ids
of a few codes, the ids make a tree, and :class:`~skace.recommenders.GRAMEstimator` goes down that
tree. So it gives probabilities of kinds, which a model with one flat list of scores does not
give by itself.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# Ids that say what an item is like
# ---------------------------------
# :class:`~skace.embeddings.SemanticIdEncoder` divides the items of a made-up shop into six kinds by
# their vectors, and each kind into up to six again.

from skace import leave_last_out
from skace.datasets import make_shop
from skace.embeddings import SemanticIdEncoder

shop = make_shop(n_users=1000, n_items=300, n_events=8000, n_features=32, random_state=0)
X_train, X_test = leave_last_out(shop.interactions)
titles = shop.item_columns["title"]

encoder = SemanticIdEncoder(n_clusters=6, n_levels=2, random_state=0)
codes = encoder.fit(X_train.catalog.features).transform(X_train.catalog.features)
for title, code in list(zip(titles, codes.tolist(), strict=True))[:5]:
    print(f"{code}  {title}")

# %%
# The tree, drawn
# ---------------
# Every block is a node of the tree; its height is its number of items. Its words are frequent in
# the titles of these items and rare elsewhere.

import matplotlib.pyplot as plt

from skace.inspection import IdTreeDisplay

display = IdTreeDisplay.from_codes(codes, titles)
plt.show()

# %%
# A model that goes down the tree
# -------------------------------
# The network reads a history like :class:`~skace.recommenders.SASRecEstimator` and weighs the
# children of each node on its way; the item is the last step. ``FrozenEstimator`` keeps the fitted
# encoder as it is; without it the encoder would be fitted again on the catalog.

from sklearn.frozen import FrozenEstimator

from skace.recommenders import GRAMEstimator

model = GRAMEstimator(
    k=5,
    semantic_ids=FrozenEstimator(encoder),
    n_layers=1,
    dropout=0.2,
    learning_rate=0.003,
    max_epochs=15,
    early_stopping=False,
    random_state=0,
).fit(X_train)
score = model.score(X_test)
print(f"NDCG@10 {score:.4f}, loss {model.loss_curve_[0]:.2f} -> {model.loss_curve_[-1]:.2f} nats")

# %%
# Probabilities of kinds
# ----------------------
# Scores are logarithms of probabilities that sum to 1 over all learned items. So the probability of
# a kind is the sum over its learned items. Cold items have scores in addition.

import numpy as np

p = np.where(model.is_cold_, 0, np.exp(model.decision_function(X_test)))
kinds = model.item_codes_[:, 0]
p_of_kinds = np.stack([p[:, kinds == kind].sum(axis=1) for kind in range(6)], axis=1)

asked = kinds[X_test.catalog.row_of(X_test.items)]
share_found = np.mean(p_of_kinds.argmax(axis=1) == asked)
largest_share = np.bincount(asked).max() / asked.size
print(f"the kind is right for {share_found:.0%} of the visitors; ", end="")
print(f"the most frequent kind alone would be for {largest_share:.0%}")

# %%
# The chart shows the prediction for two visitors. The words of the kinds are those of the tree
# above.

from skace.inspection import node_words

words = node_words(codes, titles, n_words=2)
names = [", ".join(words[kind,]) for kind in range(6)]
visitors = [p_of_kinds[:, 0].argmax(), p_of_kinds[:, 1].argmax()]
fig, axes = plt.subplots(ncols=2, sharey=True, figsize=(8, 3), layout="constrained")
for ax, visitor in zip(axes, visitors, strict=True):
    ax.barh(names, p_of_kinds[visitor], color="#0072B2")
    ax.set_title(f"visitor {X_test.users[visitor]}", loc="left")
    ax.set_xlabel("probability of the next item's kind")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].invert_yaxis()
plt.show()

# %%
# Compare with a flat model before you choose: a tree cannot express every preference, because items
# below one node share everything above it. :doc:`/benchmarks/gram` has what we measured.
