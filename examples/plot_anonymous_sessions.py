"""
Anonymous sessions
==================

Most visitors of a shop have no account. We know only a short list of their clicks, and the
answer has to change with each click. Models here keep no users, so a session is all that they need.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# Sessions as lists
# -----------------
# The log of a **made-up** shop becomes lists of item ids, oldest first. Nothing else is needed; the
# names of the visitors are gone.

import numpy as np

from skace import Interactions
from skace.datasets import make_shop

shop = make_shop(
    n_users=3000,
    n_items=200,
    n_events=24_000,
    sequence_strength=5,
    repeat_probability=0.05,
    random_state=0,
)
log = shop.interactions.to_frame("pandas")
sessions = log.groupby("user_id")["item_id"].apply(list).tolist()
print(sessions[0])

# %%
# Visitors whom nobody has seen
# -----------------------------
# ``X.users`` numbers the sessions. A split by group keeps each session whole: test sessions have no
# event in training.

from sklearn.model_selection import GroupShuffleSplit

X = Interactions.from_sequences(sessions)
splitter = GroupShuffleSplit(n_splits=1, test_size=0.3, random_state=0)
train, test = next(splitter.split(X, groups=X.users))
X_train, X_test = X[train], X[test]
print(X_train)

# %%
# The recommenders fit in less than a minute, without a GPU. ``history_decay`` lets
# :class:`~skace.EASEEstimator` forget: without it a session is a set, and the last click counts as
# much as the first.

from skace import EASEEstimator, PopularityEstimator, SLISTEstimator

models = {
    "bestsellers": PopularityEstimator(),
    "EASE, session as a set": EASEEstimator(regularization=50),
    "EASE, recent clicks count": EASEEstimator(regularization=50, history_decay=1),
    "SLIST": SLISTEstimator(),
}
for model in models.values():
    model.fit(X_train)

# %%
# Click by click
# --------------
# Every event of a test session is a row with its own past, so one call ranks them all. Here is the
# recall by the number of clicks before the event:

from skace.metrics import recall_at_k, target_ranks

n_clicks = X_test.to_frame("pandas").groupby("user_id").cumcount().to_numpy()
shown = np.arange(9)
curves = {}
for name, model in models.items():
    hits = recall_at_k(target_ranks(model, X_test), 10, average=False)
    curves[name] = [hits[n_clicks == n].mean() for n in shown]
    print(f"{name:<26}", " ".join(f"{value:.2f}" for value in curves[name]))

# %%
# Before the first click everybody gets the bestsellers. If a model learns which item *follows*
# which, as SLIST does, the first click is worth more than all others together. EASE learns which
# items go together. The longer a session, the less its set says about the next step, and the more
# it helps to forget.

import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
styles = zip(["0.5", "#E69F00", "#0072B2", "#D55E00"], ["o", "s", "^", "D"], strict=True)
for (name, curve), (color, marker) in zip(curves.items(), styles, strict=True):
    ax.plot(shown, curve, color=color, marker=marker, label=name)
ax.set_xlabel("clicks before")
ax.set_ylabel("Recall@10 of the next item")
ax.set_ylim(bottom=0)
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Serving
# -------
# Pass a plain list of histories and get one line of answers for each. The second visitor has not
# clicked yet.

titles = dict(
    zip(shop.item_columns["item_id"].tolist(), shop.item_columns["title"].tolist(), strict=True)
)
model = models["SLIST"].set_params(k=3, exclude_seen=True)
for click in sessions[0][:2]:
    print("clicked   ", titles[click])
for visitor in model.predict([sessions[0][:2], []]).tolist():
    print("next comes", ", ".join(titles[item] for item in visitor))
