"""skace's SASRec; the precision is taken from the environment."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import time

import driver
import numpy as np

from skace import Interactions, SASRecEstimator
from skace.metrics import ndcg_at_k, recall_at_k
from skace.model_selection import leave_last_out


class Peer:
    """Steps of a comparison."""

    def __init__(self, folder):
        self.folder = folder

    def prepare(self):
        """Read the log and describe the model."""
        logs = [driver.read_log(self.folder, part) for part in ("train", "test")]
        columns = np.concatenate(logs, axis=1)
        self.train, self.test = leave_last_out(Interactions(*columns))
        self.model = SASRecEstimator(
            embedding_dim=driver.WIDTH,
            n_layers=driver.LAYERS,
            n_heads=driver.HEADS,
            max_length=driver.LENGTH,
            dropout=driver.DROPOUT,
            learning_rate=driver.RATE,
            batch_size=driver.BATCH,
            precision=os.environ.get("SKACE_PRECISION", "auto"),
            device="cpu",
            random_state=0,
        )

    def epoch(self):
        """One pass over the training rows."""
        self.model.partial_fit(self.train)

    def evaluate(self):
        """Rank of each test item among all items, and lists of 20."""
        begin = time.perf_counter()
        ranks = self.model.target_ranks(self.test)
        ranked = time.perf_counter()
        self.model.recommend(self.test, k=20)
        return {
            "R@20": float(recall_at_k(ranks, 20)),
            "N@10": float(ndcg_at_k(ranks, 10)),
            "seconds of ranks": ranked - begin,
            "seconds of lists": time.perf_counter() - ranked,
        }
