"""RecTools' SASRecModel."""
# SPDX-License-Identifier: BSD-3-Clause

import driver
import numpy as np
import pandas as pd
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel


class Peer:
    """Steps of a comparison."""

    def __init__(self, folder):
        self.folder = folder

    def prepare(self):
        """Read the log, and describe the model."""
        users, items, times = driver.read_log(self.folder, "train")
        self.users, self.targets, _ = driver.read_log(self.folder, "test")
        self.dataset = Dataset.construct(
            pd.DataFrame(
                {
                    Columns.User: users,
                    Columns.Item: items,
                    Columns.Weight: 1.0,
                    Columns.Datetime: pd.to_datetime(times, unit="s"),
                }
            )
        )
        self.model = SASRecModel(
            n_factors=driver.WIDTH,
            n_blocks=driver.LAYERS,
            n_heads=driver.HEADS,
            session_max_len=driver.LENGTH,
            dropout_rate=driver.DROPOUT,
            loss="softmax",
            lr=driver.RATE,
            batch_size=driver.BATCH,
            recommend_torch_device="cpu",
        )

    def epoch(self):
        """One pass over the training rows."""
        self.model.fit_partial(self.dataset, min_epochs=1, max_epochs=1)

    def evaluate(self):
        """Lists of 20 items, and where the test item is in them."""
        lists = self.model.recommend(self.users, self.dataset, k=20, filter_viewed=False)
        test = pd.DataFrame({Columns.User: self.users, Columns.Item: self.targets})
        ranks = lists.merge(test, on=[Columns.User, Columns.Item])[Columns.Rank].to_numpy()
        gains = 1 / np.log2(ranks[ranks <= 10] + 1)
        return {"R@20": len(ranks) / len(test), "N@10": float(gains.sum()) / len(test)}
