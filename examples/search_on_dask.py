"""Search on a Dask cluster
========================

``GridSearchCV`` hands its fits to joblib, and joblib to Dask: the same lines run on the cores of
this machine and on a cluster. Needs ``pip install distributed``.

Every worker gets the log once. Give each one thread, or tell torch how many it has: workers that
all take every core stand in each other's way.
"""
# SPDX-License-Identifier: BSD-3-Clause

from distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import ACETransformer, LeaveLastOut, SASRecEstimator, ndcg_scorer
from skace.datasets import make_shop


def main():
    """Search on two workers of this machine."""
    X = make_shop(n_users=300, n_items=60, n_events=3000, random_state=0).interactions
    model = Pipeline(
        [
            ("ace", ACETransformer(n_components=16)),
            ("rec", SASRecEstimator(max_epochs=3, early_stopping=False, random_state=0)),
        ]
    )
    grid = {"ace__alpha": [0.1, 1.0], "rec__dropout": [0.2, 0.5]}
    search = GridSearchCV(model, grid, cv=LeaveLastOut(), scoring=ndcg_scorer(k=10))
    # On a cluster of several machines: Client("tcp://scheduler:8786").
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        parallel_config(backend="dask"),
    ):
        search.fit(X)
    for parameters, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        print(f"{parameters}: NDCG@10 {score:.4f}")
    print("best:", search.best_params_)


if __name__ == "__main__":
    main()
