"""
Callbacks and progress bars
===========================

Callbacks are scikit-learn's own (:mod:`sklearn.callback`). A callback on a search reaches
through folds and pipelines down to the epochs of a network.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# Progress of a search
# --------------------
# The shop is **made up** and small. ``max_propagation_depth=None`` shows all levels: the search,
# its fits, the steps of the Pipeline and the network. ``ProgressBar`` needs the package ``rich``.

import os

from sklearn.callback import ProgressBar
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import ACETransformer, LeaveLastOut, SASRecEstimator, leave_last_out, ndcg_scorer
from skace.datasets import make_shop

shop = make_shop(n_users=800, n_items=300, n_events=5000, mean_cosine=0.6, random_state=0)
X_train, X_test = leave_last_out(shop.interactions)

model = SASRecEstimator(
    n_layers=1,
    dropout=0.2,
    learning_rate=0.003,
    batch_size=128,
    max_epochs=8,
    early_stopping=False,
    random_state=0,
)
pipe = Pipeline([("ace", ACETransformer(n_components=32)), ("rec", model)])
search = GridSearchCV(pipe, {"ace__alpha": [0.1, 1]}, cv=LeaveLastOut(), scoring=ndcg_scorer(k=10))
os.environ.setdefault("COLUMNS", "110")  # where there is no terminal to ask for its width
search.set_callbacks(ProgressBar(max_propagation_depth=None))
search.fit(X_train)

# %%
# A score per epoch
# -----------------
# ``ScoringMonitor`` calls a scorer after each epoch, on the training rows. These scores say how
# well the model remembers, not how well it predicts. Early stopping measures that on held-out rows.

from sklearn.base import clone
from sklearn.callback import ScoringMonitor

from skace import ranking_scorer

vectors = ACETransformer(n_components=32).fit(X_train)
monitor = ScoringMonitor(scoring=ranking_scorer(["ndcg@10", "recall@10"]))
watched = clone(model).set_callbacks(monitor).fit(vectors.transform(X_train))
epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
for row in epochs[::3]:
    print(f"epoch {row['task_id'] + 1}: NDCG@10 {row['ndcg@10']:.3f} on training rows")

# %%
# Learning and remembering
# ------------------------
# With ``early_stopping=True``, the default, each user's last training row is held out. The fitted
# model keeps loss and validation score of every epoch, and
# :class:`~skace.inspection.EpochCurveDisplay` draws them.

import matplotlib.pyplot as plt

from skace.inspection import EpochCurveDisplay

stopped = clone(model).set_params(early_stopping=True, max_epochs=50)
stopped.fit(vectors.transform(X_train))
EpochCurveDisplay.from_estimator(stopped)
plt.show()
print(f"{stopped.n_iter_} epochs, of which the weights of number {stopped.best_epoch_} were kept")

# %%
# A callback of your own
# ----------------------
# A callback has four methods. ``on_fit_task_end`` may return True to end the fit, here as soon as
# the training loss is low enough. ``estimator`` is the model during its fit.


class StopAtLoss:
    """End a fit once the training loss is below a limit."""

    def __init__(self, limit):
        self.limit = limit

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            return estimator.loss_curve_[-1] < self.limit
        return False


short = clone(model).set_params(max_epochs=50).set_callbacks(StopAtLoss(4.5))
short.fit(vectors.transform(X_train))
print(f"stopped after {short.n_iter_} epochs at a loss of {short.loss_curve_[-1]:.2f}")
