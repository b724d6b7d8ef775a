"""RecBole's SASRec, which expands every prefix into a row of its own."""
# SPDX-License-Identifier: BSD-3-Clause

import tempfile
from pathlib import Path

import driver
import numpy as np
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.sequential_recommender import SASRec
from recbole.trainer import Trainer


class Peer:
    """Steps of a comparison."""

    def __init__(self, folder):
        self.folder = folder

    def prepare(self):
        """Write the log as RecBole reads it, and build data and model."""
        logs = [driver.read_log(self.folder, part) for part in ("train", "test")]
        place = Path(tempfile.mkdtemp())
        (place / "log").mkdir()
        np.savetxt(
            place / "log" / "log.inter",
            np.concatenate(logs, axis=1).T,
            fmt="%d",
            delimiter="\t",
            header="user_id:token\titem_id:token\ttimestamp:float",
            comments="",
        )
        settings = {
            "data_path": str(place),
            "checkpoint_dir": str(place),
            "use_gpu": False,
            "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
            "MAX_ITEM_LIST_LENGTH": driver.LENGTH,
            "n_layers": driver.LAYERS,
            "n_heads": driver.HEADS,
            "hidden_size": driver.WIDTH,
            "inner_size": 4 * driver.WIDTH,
            "hidden_dropout_prob": driver.DROPOUT,
            "attn_dropout_prob": driver.DROPOUT,
            "loss_type": "CE",
            "train_neg_sample_args": None,
            "learning_rate": driver.RATE,
            "train_batch_size": driver.BATCH,
            "eval_batch_size": 256,
            "eval_args": {
                "split": {"LS": "test_only"},
                "order": "TO",
                "group_by": "user",
                "mode": "full",
            },
            "metrics": ["Recall", "NDCG"],
            "topk": [10, 20],
            "valid_metric": "NDCG@10",
            "show_progress": False,
        }
        config = Config(model="SASRec", dataset="log", config_dict=settings)
        dataset = create_dataset(config)
        self.train, _, self.test = data_preparation(config, dataset)
        self.model = SASRec(config, self.train.dataset)
        self.trainer, self.n_epochs = Trainer(config, self.model), 0

    def epoch(self):
        """One pass over the training rows."""
        self.trainer._train_epoch(self.train, self.n_epochs)
        self.n_epochs += 1

    def evaluate(self):
        """RecBole's own metrics over all items."""
        found = self.trainer.evaluate(self.test, load_best_model=False)
        return {"R@20": float(found["recall@20"]), "N@10": float(found["ndcg@10"])}
