"""
Tuning alpha with GridSearchCV
==============================

``alpha`` says how much of the original imbalance of item vectors is kept: at 0 all directions count
the same, at infinity each counts as in the vectors as they came. Which value is best depends on
catalog, encoder and model, so it is searched, like any other hyperparameter.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# A made-up shop
# --------------
# In its vectors the category of an item has the largest variance, then come differences in wording
# that mean nothing, then the style, then noise. Whitening blows up the noise; without it style, by
# which visitors choose, hardly counts. With six events for each visitor there is little to learn
# from, so that the start matters.

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
# :class:`~skace.LeaveLastOut` trains on what came before each user's last two events, one fold for
# either. The decomposition of the vectors, which all candidates share, is paid for once.
#
# All candidates are trained for the same few epochs. Trained for longer on so small a shop, the
# network forgets where it began, and the curve below gets flatter.

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
# On the left the score against alpha, with 0 and infinity beyond breaks in the logarithmic axis.
# On the right the same points against what alpha does to the vectors: the share of the directions
# that are in use. Bars are one standard deviation over the folds.

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
# The best of six validation scores is a little too good to be true. What counts is the test, on
# events that neither the fits nor the search have seen.

print(f"chosen alpha         {search.best_params_['ace__alpha']}")
print(f"validation NDCG@10   {search.best_score_:.4f}")
print(f"test NDCG@10         {search.score(X_test):.4f}")
