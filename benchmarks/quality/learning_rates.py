"""SASRec by learning rate, its schedule and the number of epochs, on validation rows.

Reads a folder as `compare.py` does. Each user's last event is left out, the one before it is the
validation row, and all others are learned, for as many epochs as are named. Prints a line for each
``--fits epochs:rate:schedule``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import time
from pathlib import Path

from compare import draw_users, read_data
from sklearn.pipeline import Pipeline

from skace import ACETransformer, SASRecEstimator, leave_last_out
from skace.item_tables import IDTable
from skace.metrics import ndcg_at_k, recall_at_k


def read_arguments(words):
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder")
    parser.add_argument("--embeddings", help="file in the folder, if it has several embeddings_*")
    parser.add_argument("--features", default="ace", choices=["ace", "ids"])
    parser.add_argument("--users", type=int, help="as many users only, drawn with seed 0")
    words_of_fits = "such as 26:0.001:constant or 12:0.003:linear"
    parser.add_argument("--fits", nargs="+", required=True, help=words_of_fits)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--max-length", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=256, help="windows of a step")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(words)


def model_of(arguments, n_epochs, rate, schedule):
    """What is fitted; the last step of a Pipeline if it reads vectors."""
    network = SASRecEstimator(
        embedding_dim=arguments.width,
        max_length=arguments.max_length,
        positions="relative",
        batch_size=arguments.batch_size,
        early_stopping=False,
        max_epochs=int(n_epochs),
        learning_rate=float(rate),
        learning_rate_schedule=schedule,
        precision=arguments.precision,
        random_state=arguments.seed,
    )
    if arguments.features == "ids":
        return Pipeline([("rec", network.set_params(item_table=IDTable()))])
    return Pipeline([("ace", ACETransformer(arguments.width)), ("rec", network)])


def main(words=None):
    """Fit, rank and print; return the recall of each fit by name."""
    arguments = read_arguments(words)
    X = read_data(arguments.data, arguments.embeddings)
    if arguments.users:
        X = draw_users(X, arguments.users)
    train, _ = leave_last_out(X)
    train, validation = leave_last_out(train)
    found = {}
    for name in arguments.fits:
        pipe, begin = model_of(arguments, *name.split(":")), time.perf_counter()
        pipe.fit(train)
        seconds = time.perf_counter() - begin
        rows = pipe[:-1].transform(validation) if len(pipe) > 1 else validation
        ranks = pipe[-1].target_ranks(rows, exclude_seen=True)
        found[name] = recall_at_k(ranks, 20)
        print(
            f"{name}: R@10 {recall_at_k(ranks, 10):.4f}, R@20 {found[name]:.4f}, "
            f"N@10 {ndcg_at_k(ranks, 10):.4f}, {seconds:.0f} s",
            flush=True,
        )
    return found


if __name__ == "__main__":
    main()
