"""
Bring your own backbone
=======================

A network of your own becomes a recommender with one class, which builds the module that
maps ``(batch, time, width)`` to the same shape. You inherit windows, losses, early stopping, cold
items, growth, inference, persistence, ``GridSearchCV`` and callbacks.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# Thirty lines
# ------------
# The idea is a memory that fades. Each column keeps a running sum of its input, and learns how fast
# it forgets. Position t may see positions 0 to t only. Padding is on the right, so a causal module
# never sees it.

import torch
from torch import nn

from skace.recommenders import NeuralRecommender


class FadingMemory(nn.Module):
    """Sums of the past, each column with a half-life of its own."""

    def __init__(self, width, dropout=0.2):
        super().__init__()
        self.kept = nn.Parameter(torch.linspace(-2, 2, width))  # logit of what a step keeps
        self.dropout = nn.Dropout(dropout)
        self.mix = nn.Linear(2 * width, width)

    def forward(self, x):  # (B, T, D) -> (B, T, D)
        steps = torch.arange(x.shape[1], device=x.device)
        age = steps[:, None] - steps  # (T, T), negative for the future
        weight = torch.sigmoid(self.kept) ** age.clamp(min=0)[:, :, None]
        weight = weight * (age >= 0)[:, :, None]  # (T, T, D)
        x = self.dropout(x)
        memory = torch.einsum("tsd,bsd->btd", weight, x)
        return x + self.mix(torch.cat([x, memory], dim=2))


class FadingMemoryEstimator(NeuralRecommender):
    """Recommender with a fading memory."""

    def _build_encoder(self, width):
        return FadingMemory(width)


# %%
# Does it keep the contract?
# --------------------------
# :func:`~skace.testing.check_sequential_recommender` fits the estimator a hundred times on a
# hundred events. It checks clones, pickles, searches, unknown items, callbacks, padding and bad
# input. In a test suite use :func:`~skace.testing.parametrize_with_checks`.

from skace.testing import check_sequential_recommender

report = check_sequential_recommender(
    FadingMemoryEstimator(max_length=6, max_epochs=2, batch_size=16)
)
print(report)

# %%
# Is it any good?
# ---------------
# We compare it on a **made-up** shop with two networks of the library, with the same start and
# settings.

from sklearn.pipeline import make_pipeline

from skace import ACETransformer, GRU4RecEstimator, SASRecEstimator, leave_last_out, ndcg_scorer
from skace.datasets import make_shop

shop = make_shop(n_users=1500, n_items=500, n_events=9000, mean_cosine=0.6, random_state=0)
X_train, X_test = leave_last_out(shop.interactions)
training = {"learning_rate": 0.003, "batch_size": 128, "random_state": 0}
models = {
    "FadingMemory": FadingMemoryEstimator(**training),
    "GRU4Rec": GRU4RecEstimator(dropout=0.2, **training),
    "SASRec": SASRecEstimator(n_layers=1, dropout=0.2, **training),
}
scores = {}
for name, model in models.items():
    pipe = make_pipeline(ACETransformer(48), model).fit(X_train)
    scores[name] = ndcg_scorer(k=10)(pipe, X_test)
    print(f"{name:<13} NDCG@10 {scores[name]:.3f}")

# %%
# What has it learned?
# --------------------
# The weights of a fitted model are numpy arrays. Here they show how far back each column looks, in
# events. Training has made nearly every memory a little longer than at the start: a visitor's taste
# lasts.

import matplotlib.pyplot as plt
import numpy as np


def half_lives(logits):
    """Events after which half of a memory is left."""
    return np.log(2) / np.log1p(np.exp(-logits))


learned = half_lives(models["FadingMemory"].encoder_state_["kept"])
start = half_lives(np.linspace(-2, 2, learned.size))
print(
    f"median half-life at the start {np.median(start):.1f} events, learned {np.median(learned):.1f}"
)

fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.plot(np.sort(start), color="0.6", linewidth=3, label="start")
ax.plot(np.sort(learned), color="#0072B2", marker="o", markersize=4, label="learned")
ax.set_xlabel("column of the memory, shortest first")
ax.set_ylabel("half-life, in events")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()
