"""Tracking with MLflow
====================

Parameters, the curve of the epochs and the model file of each fit. Needs ``pip install
mlflow-skinny skops``. Runs are written into a temporary folder; set ``MLFLOW_TRACKING_URI`` to keep
them, or to send them to a server.
"""
# SPDX-License-Identifier: BSD-3-Clause

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import mlflow
from sklearn.pipeline import Pipeline

from skace import ACETransformer, SASRecEstimator, leave_last_out, ndcg_scorer
from skace.datasets import make_shop
from skace.persistence import dump, load


class EpochCurve:
    """Callback that logs loss and validation score of each epoch to the run that is open."""

    def setup(self, estimator, context):
        """Nothing to prepare."""

    def teardown(self, estimator, context):
        """Nothing to put away."""

    def on_fit_task_begin(self, estimator, context):
        """Nothing to do before an epoch."""

    def on_fit_task_end(self, estimator, context):
        """Log what the epoch has added."""
        if context.task_name == "epoch":
            mlflow.log_metric("loss", estimator.loss_curve_[-1], step=context.task_id)
            if estimator.early_stopping:
                score = estimator.validation_scores_[-1]
                mlflow.log_metric("validation", score, step=context.task_id)


@contextmanager
def tracked(model, name):
    """Log the parameters of a Pipeline, the epochs of its fit in this block, and then its file."""
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_params({key: repr(value) for key, value in model.get_params().items()})
        model[-1].set_callbacks(EpochCurve())
        yield run
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.skops"
            mlflow.set_tag("sha256", dump(model, path))
            mlflow.log_artifact(path)


def main():
    """Track two fits, and open the file of the better one."""
    shop = make_shop(n_users=200, n_items=60, n_events=2000, random_state=0)
    train, test = leave_last_out(shop.interactions)
    with tempfile.TemporaryDirectory() as folder:
        if "MLFLOW_TRACKING_URI" not in os.environ:
            os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
            mlflow.set_tracking_uri(Path(folder).as_uri())
        mlflow.set_experiment("shop")
        for alpha in (0.1, 10):
            rec = SASRecEstimator(max_epochs=3, n_layers=1, random_state=0)
            model = Pipeline([("ace", ACETransformer(16, alpha=alpha)), ("rec", rec)])
            with tracked(model, f"alpha {alpha}"):
                model.fit(train)
                mlflow.log_metric("ndcg_at_10", ndcg_scorer(k=10)(model, test))
        runs = mlflow.search_runs(order_by=["metrics.ndcg_at_10 DESC"], output_format="list")
        for run in runs:
            curve = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
            name, score = run.info.run_name, run.data.metrics["ndcg_at_10"]
            print(f"{name}: NDCG@10 {score:.4f} after {len(curve)} epochs")
        path = mlflow.artifacts.download_artifacts(
            run_id=runs[0].info.run_id, artifact_path="model.skops", dst_path=folder
        )
        best = load(path, sha256=runs[0].data.tags["sha256"])
        print(f"from its file: {ndcg_scorer(k=10)(best, test):.4f}")


if __name__ == "__main__":
    main()
