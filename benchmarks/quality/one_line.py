"""What `recommendation_pipeline` reaches on a data set, as it stands.

Each user's last event is the test; everything that is chosen is chosen on rows before it. Prints
seconds of the fit, the weights of the members, and recall and NDCG with and without the history.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import time
from pathlib import Path

from compare import read_data

from skace import leave_last_out, recommendation_pipeline
from skace.metrics import ndcg_at_k, recall_at_k


def main(words=None):
    """Fit and rank."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder")
    parser.add_argument("--embeddings", help="file in the folder, if it has several embeddings_*")
    parser.add_argument("--effort", default="fast", choices=["fast", "balanced", "best"])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    train, test = leave_last_out(read_data(arguments.data, arguments.embeddings))
    pipe = recommendation_pipeline(train, arguments.effort, random_state=arguments.seed)
    begin = time.perf_counter()
    pipe.fit(train)
    print(f"{time.perf_counter() - begin:.0f} s")
    model, rows = pipe[-1], pipe[:-1].transform(test) if len(pipe) > 1 else test
    weights = zip(model.named_estimators_, model.weights_, strict=True)
    print(", ".join(f"{name} {weight:.2f}" for name, weight in weights))
    for history, exclude_seen in (("kept", False), ("masked", True)):
        ranks = model.target_ranks(rows, exclude_seen=exclude_seen)
        print(
            f"history {history}: R@10 {recall_at_k(ranks, 10):.4f}, "
            f"R@20 {recall_at_k(ranks, 20):.4f}, N@10 {ndcg_at_k(ranks, 10):.4f}"
        )


if __name__ == "__main__":
    main()
