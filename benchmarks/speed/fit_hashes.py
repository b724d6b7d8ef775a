"""Hashes of small fits: whether a change of the code changed any bit of what is learned.

Write them with the code as it was (``fit_hashes.py --write before.json``), compare with the code
as it is (``fit_hashes.py --against before.json``), on one machine and with one number of threads.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import hashlib
import json
import sys
import warnings
from pathlib import Path

from skace.datasets import make_shop
from skace.losses import BCE, BPR, GBCE, InBatchSoftmax, SampledSoftmax, Softmax
from skace.recommenders import (
    BERT4RecEstimator,
    FMLPEstimator,
    GRU4RecEstimator,
    SASRecEstimator,
)

NETWORKS = {
    "sasrec": SASRecEstimator,
    "sasrec pre": lambda **options: SASRecEstimator(block="pre", **options),
    "sasrec relative": lambda **options: SASRecEstimator(positions="relative", **options),
    "sasrec time": lambda **options: SASRecEstimator(positions="time", **options),
    "sasrec rotary": lambda **options: SASRecEstimator(positions="rotary", **options),
    "sasrec ligr": lambda **options: SASRecEstimator(block="ligr", **options),
    "sasrec hstu": lambda **options: SASRecEstimator(block="hstu", **options),
    "gru4rec": GRU4RecEstimator,
    "bert4rec": BERT4RecEstimator,
    "fmlp": FMLPEstimator,
}
LOSSES = {
    "softmax": Softmax(),
    "sampled softmax, uniform": SampledSoftmax(5),
    "sampled softmax, popularity": SampledSoftmax(5, draw="popularity"),
    "sampled softmax, in batch": InBatchSoftmax(),
    "bce, uniform": BCE(5),
    "bce, popularity": BCE(5, draw="popularity"),
    "gbce": GBCE(5, t=0.5),
    "bpr, uniform": BPR(5),
    "bpr, in batch": BPR(5, draw="in_batch"),
}
SETTINGS = {
    "k": 2,
    "max_length": 8,
    "max_epochs": 3,
    "batch_size": 16,
    "learning_rate": 0.001,
    "dropout": 0.2,
    "n_iter_no_change": 3,
    "random_state": 0,
}


def fit_hash(network, loss):
    """Hash of all weights, losses and validation scores of a fit."""
    X = make_shop(120, 60, 900, n_features=16, random_state=0).interactions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = NETWORKS[network](**SETTINGS, loss=LOSSES[loss]).fit(X)
    digest = hashlib.sha256()
    for state in (model.encoder_state_, model.item_table_state_):
        for name in sorted(state):
            digest.update(state[name].tobytes())
    digest.update(model.item_vectors_.tobytes())
    digest.update(json.dumps([model.loss_curve_, model.validation_scores_]).encode())
    return digest.hexdigest()[:16]


def main(words=None):
    """Write or compare; exit with 1 if a hash differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--against", type=Path)
    arguments = parser.parse_args(words)
    found = {f"{n}, {loss}": fit_hash(n, loss) for n in NETWORKS for loss in LOSSES}
    if arguments.write:
        arguments.write.write_text(json.dumps(found, indent=1), encoding="utf-8")
    before = json.loads(arguments.against.read_text("utf-8")) if arguments.against else found
    other = [name for name in found if before.get(name, found[name]) != found[name]]
    for name in found:
        remark = "  differs" if name in other else "" if name in before else "  new"
        print(f"{found[name]}  {name}{remark}")
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main())
