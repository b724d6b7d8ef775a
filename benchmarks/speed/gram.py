"""What an epoch and the ranks of GRAM cost, as ratios to SASRec in the same run.

Models learn the same rows by ``partial_fit``, one pass a round, and rank the same rows, in turn.
Of the CPU seconds of all rounds the least count. The first round, which also makes the ids and
builds the network, counts for nothing. See ``python benchmarks/speed/gram.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from skace import ACETransformer, SASRecEstimator
from skace.model_selection import leave_last_out
from skace.recommenders import GRAMEstimator

sys.path.insert(0, str(Path(__file__).parents[1] / "quality"))
from compare import read_data
from measuring import describe_machine


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder")
    parser.add_argument("--embeddings", help="file in the folder, if it has several embeddings_*")
    parser.add_argument("--width", type=int, default=128, help="of networks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def models(width):
    """What is compared, by name; the first is what others are divided by."""
    shared = {
        "embedding_dim": width,
        "positions": "relative",
        "early_stopping": False,
        "random_state": 0,
    }
    return {
        "SASRec": SASRecEstimator(**shared),
        "GRAM": GRAMEstimator(**shared),
        "GRAM, ids from both": GRAMEstimator(ids_from="both", **shared),
        "GRAM by node vectors": GRAMEstimator(node_scores="vectors", **shared),
        "GRAM, late fusion": GRAMEstimator(fusion="late", **shared),
    }


def seconds(task):
    """CPU seconds of a task, of all its threads."""
    begin = time.process_time()
    task()
    return time.process_time() - begin


def ratios(least):
    """Seconds of each model, and how many times those of the first."""
    first = next(iter(least.values()))
    return {name: {"s": found, "ratio": found / first} for name, found in least.items()}


def main(words=None):
    """Time all models in turn, print and store."""
    arguments = read_arguments(words)
    X = read_data(arguments.data, arguments.embeddings)
    train, test = leave_last_out(ACETransformer(arguments.width).fit_transform(X))
    fitted = models(arguments.width)
    epochs, ranks = (dict.fromkeys(fitted, np.inf) for _ in range(2))
    for number in range(arguments.rounds + 1):
        for name, model in fitted.items():
            found = seconds(lambda model=model: model.partial_fit(train))
            if number > 0:
                epochs[name] = min(epochs[name], found)
                answered = seconds(lambda model=model: model.target_ranks(test))
                ranks[name] = min(ranks[name], answered)
    record = {**describe_machine(), "data": arguments.data.name, "test rows": len(test)}
    record |= {"an epoch": ratios(epochs), "ranks of all test rows": ratios(ranks)}
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"speed_gram_{arguments.data.name}.json"
    path.write_text(json.dumps(record, indent=1))
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
