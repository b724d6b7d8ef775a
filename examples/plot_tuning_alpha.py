"""
Tuning alpha with GridSearchCV
==============================

``alpha`` says how much of the imbalance of item vectors is kept: at 0 all directions count
the same, at infinity each counts as in the original vectors. The best value depends on
catalog, encoder and model, so search it like any other hyperparameter.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# A made-up shop
# --------------
# In its vectors the category of an item has the largest variance. Then come meaningless differences
# in wording, then the style, then noise. Visitors choose by style. Whitening amplifies the noise;
# without whitening style hardly counts. With six events for each visitor there is little to learn
# from, so the start matters.

from skace import leave_last_out
from skace.datasets import make_shop

shop = make_shop(
    n_users=1000,
    n_items=800,
    n_events=6000,
    n_features=128,
    mean_cosine=0.6,
    spectral_decay=1.0,
    feature_noise=0.3,
    random_state=0,
)
X_train, X_test = leave_last_out(shop.interactions)

# %%
# The search
# ----------
# :class:`~skace.LeaveLastOut` holds out each user's last two events, one per fold, and trains on
# the events before. All candidates share the decomposition of the vectors, which is computed once.
#
# All candidates are trained for the same few epochs. In a longer training on so small a shop the
# network forgets its start, and the curve below gets flatter.

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import ACETransformer, LeaveLastOut, SASRecEstimator, ndcg_scorer

pipe = Pipeline(
    [
        ("ace", ACETransformer(n_components=96)),
        (
            "rec",
            SASRecEstimator(
                n_layers=1,
                dropout=0.3,
                learning_rate=0.002,
                batch_size=128,
                max_epochs=8,
                early_stopping=False,
                random_state=0,
            ),
        ),
    ]
)
search = GridSearchCV(
    pipe,
    {"ace__alpha": [0, 0.01, 0.1, 1, 10, np.inf]},
    cv=LeaveLastOut(n_splits=2),
    scoring=ndcg_scorer(k=10),
)
search.fit(X_train)
for candidate, value in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"alpha = {candidate['ace__alpha']:<4} validation NDCG@10 {value:.4f}")

# %%
# What it found
# -------------
# The left chart has the score against alpha, with 0 and infinity beyond breaks in the logarithmic
# axis. The right chart has the same points against the effect of alpha on the vectors: the share of
# the directions in use. Bars are one standard deviation over the folds.

import matplotlib.pyplot as plt

from skace.inspection import AlphaCurveDisplay

fig, (left, right) = plt.subplots(ncols=2, figsize=(10, 4), sharey=True, layout="constrained")
AlphaCurveDisplay.from_estimator(search, ax=left)
AlphaCurveDisplay.from_estimator(search, X_train, against="isotropy", ax=right)
right.set_ylabel("")
plt.show()

# %%
# The verdict
# -----------
# The best of six validation scores is a little too good to be true. The test score counts: neither
# the fits nor the search have seen its events.

print(f"chosen alpha         {search.best_params_['ace__alpha']}")
print(f"validation NDCG@10   {search.best_score_:.4f}")
print(f"test NDCG@10         {search.score(X_test):.4f}")
