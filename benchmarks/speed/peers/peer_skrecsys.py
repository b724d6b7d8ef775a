"""skrecsys' HSTU, its sequential model with attention: no SASRec, sampled softmax only."""
# SPDX-License-Identifier: BSD-3-Clause

import driver
import numpy as np
from skrecsys.nn import HSTU


class Peer:
    """Steps of a comparison."""

    def __init__(self, folder):
        self.folder = folder

    def prepare(self):
        """Read the log, and describe the model."""
        self.log = driver.read_log(self.folder, "train")[:2].T
        self.users, self.targets, _ = driver.read_log(self.folder, "test")
        self.n_epochs = 0

    def epoch(self):
        """As many passes as before and one: it has no way to go on over the same rows."""
        self.n_epochs += 1
        self.model = HSTU(
            n_factors=driver.WIDTH,
            n_blocks=driver.LAYERS,
            n_heads=driver.HEADS,
            max_sequence_length=driver.LENGTH,
            dropout=driver.DROPOUT,
            learning_rate=driver.RATE,
            batch_size=driver.BATCH,
            max_iter=self.n_epochs,
            early_stopping=False,
            random_state=0,
        ).fit(self.log)
        return {"passes": self.n_epochs}

    def evaluate(self):
        """Lists of 20 items, and where the test item is in them."""
        items, _ = self.model.recommend(self.users, n_recommendations=20)
        hits = np.asarray(items) == self.targets[:, None]
        ranks = hits.argmax(axis=1) + 1
        gains = np.where(hits.any(axis=1) & (ranks <= 10), 1 / np.log2(ranks + 1), 0)
        return {"R@20": float(hits.any(axis=1).mean()), "N@10": float(gains.mean())}
