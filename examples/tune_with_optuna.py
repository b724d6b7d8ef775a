"""Tuning with Optuna
==================

A search that learns from its trials, and a study that gives up on poor ones between epochs. Needs
``pip install optuna optuna-integration``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import optuna
from optuna.distributions import FloatDistribution
from optuna_integration.sklearn import OptunaSearchCV
from sklearn.pipeline import Pipeline

from skace import ACETransformer, LeaveLastOut, SASRecEstimator, leave_last_out, ndcg_scorer
from skace.datasets import make_shop


class Pruning:
    """Callback that reports the validation score of each epoch, and ends a poor trial."""

    def __init__(self, trial):
        self.trial = trial

    def setup(self, estimator, context):
        """Nothing to prepare."""

    def teardown(self, estimator, context):
        """Nothing to put away."""

    def on_fit_task_begin(self, estimator, context):
        """Nothing to do before an epoch."""

    def on_fit_task_end(self, estimator, context):
        """Report, and raise if the pruner has seen enough."""
        if context.task_name == "epoch":
            self.trial.report(estimator.validation_scores_[-1], step=context.task_id)
            if self.trial.should_prune():
                raise optuna.TrialPruned


def pipeline():
    """ACE and a small network."""
    rec = SASRecEstimator(max_epochs=6, n_layers=1, batch_size=64, random_state=0)
    return Pipeline([("ace", ACETransformer(n_components=16)), ("rec", rec)])


def search(X):
    """`GridSearchCV`, but trials learn from those before; all of it goes through the Pipeline."""
    space = {
        "ace__alpha": FloatDistribution(0.01, 10, log=True),
        "rec__dropout": FloatDistribution(0, 0.6),
    }
    found = OptunaSearchCV(
        pipeline(), space, cv=LeaveLastOut(2), scoring=ndcg_scorer(k=10), n_trials=3, random_state=0
    )
    return found.fit(X)


def study(X):
    """Trials that end early, judged by the rows that early stopping holds out."""

    def objective(trial):
        model = pipeline()
        model.set_params(
            ace__alpha=trial.suggest_float("alpha", 0.01, 10, log=True),
            rec__learning_rate=trial.suggest_float("learning_rate", 1e-5, 1e-2, log=True),
        )
        model["rec"].set_callbacks(Pruning(trial))
        return max(model.fit(X)["rec"].validation_scores_)

    found = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1),
    )
    found.optimize(objective, n_trials=8)
    return found


def main():
    """Tune on the past, report on each user's last event."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    shop = make_shop(n_users=300, n_items=80, n_events=3000, random_state=0)
    train, test = leave_last_out(shop.interactions)
    found = search(train)
    print("search:", {name: round(value, 3) for name, value in found.best_params_.items()})
    print(f"NDCG@10 on test: {ndcg_scorer(k=10)(found, test):.4f}")
    trials = study(train).trials
    pruned = [trial for trial in trials if trial.state is optuna.trial.TrialState.PRUNED]
    print(f"study: {len(trials)} trials, {len(pruned)} of them ended early")


if __name__ == "__main__":
    main()
