"""
Closed forms, and a blend of two models
=======================================

A linear autoencoder is one matrix inverse: no epochs, no learning rate, no seed. It makes other
errors than a trained network, so the two blend well.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# Fits in a blink
# ---------------
# We fit three closed forms on a **made-up** shop: EASE as published, which treats a history as a
# set; EASE with ``history_decay``, so that events lose weight with age; and L3AE, which also reads
# the item vectors.

from skace import EASEEstimator, L3AEEstimator, PopularityEstimator, leave_last_out, ndcg_scorer
from skace.datasets import make_shop

shop = make_shop(n_users=1500, n_items=500, n_events=9000, mean_cosine=0.6, random_state=0)
X_train, X_test = leave_last_out(shop.interactions)

score = ndcg_scorer(k=10)
forms = {
    "bestsellers": PopularityEstimator(),
    "EASE, a set": EASEEstimator(regularization=50),
    "EASE, decaying": EASEEstimator(regularization=50, history_decay=1),
    "L3AE, decaying": L3AEEstimator(regularization=10, alignment=50, history_decay=1),
}
for name, model in forms.items():
    print(f"{name:<15} NDCG@10 {score(model.fit(X_train), X_test):.3f}")

# %%
# Tuning one
# ----------
# ``history_decay`` changes only the answers, so a grid over it shares one inverse per process.

from sklearn.model_selection import GridSearchCV

from skace import LeaveLastOut

grid = {"regularization": [10, 50, 200], "history_decay": [None, 0.5, 1, 2]}
search = GridSearchCV(L3AEEstimator(alignment=50), grid, cv=LeaveLastOut(), scoring=score).fit(
    X_train
)
print(search.best_params_, f"test NDCG@10 {search.score(X_test):.3f}")

# %%
# A partner
# ---------
# The partner is a small transformer network on ACE's vectors. ``FrozenEstimator`` keeps both models
# as they are, so the vote does not fit them again.

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from skace import ACETransformer, SASRecEstimator, VotingRecommender

network = make_pipeline(
    ACETransformer(48),
    SASRecEstimator(n_layers=1, dropout=0.2, learning_rate=0.003, random_state=0),
).fit(X_train)
members = [
    ("linear", FrozenEstimator(search.best_estimator_)),
    ("network", FrozenEstimator(network)),
]

# %%
# From one to the other
# ---------------------
# :class:`~skace.VotingRecommender` standardises the scores of each row and averages them. To see
# the shape, we go from the closed form alone to the network alone, on test rows. To *choose* a
# weight, put ``weights`` into a grid, or let :class:`~skace.StackingRecommender` learn it on each
# user's last training row.

import numpy as np

shares = np.linspace(0, 1, 11)
blend = [
    score(VotingRecommender(members, weights=[1 - share, share]).fit(X_train), X_test)
    for share in shares
]
best = int(np.argmax(blend))
print(f"closed form alone {blend[0]:.3f}, network alone {blend[-1]:.3f}")
print(f"best blend        {blend[best]:.3f}, with a weight of {shares[best]:.1f} for the network")

# %%
# The dashed line is the score of two models that make the same errors.

import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.plot(shares, blend, color="#0072B2", marker="o")
ax.plot([0, 1], [blend[0], blend[-1]], color="0.6", linestyle="--", linewidth=1, zorder=0)
ax.annotate("closed form alone", (0, blend[0]), xytext=(10, -4), textcoords="offset points")
ax.annotate(
    "network alone", (1, blend[-1]), xytext=(4, -46), textcoords="offset points", ha="right"
)
ax.set_xlabel("weight of the network in the vote")
ax.set_ylabel("test NDCG@10")
ax.spines[["top", "right"]].set_visible(False)
plt.show()
