"""Recommenders: an epoch by backbone and loss, ranks among all items, lists of the best."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings

from sklearn.exceptions import ConvergenceWarning

from skace import BERT4RecEstimator, EASEEstimator, GRU4RecEstimator, SASRecEstimator
from skace.losses import GBCE, SampledSoftmax, Softmax
from suite.made import made_log

BACKBONES = {"sasrec": SASRecEstimator, "gru4rec": GRU4RecEstimator, "bert4rec": BERT4RecEstimator}
LOSSES = {"softmax": Softmax(), "sampled_softmax": SampledSoftmax(), "gbce": GBCE()}
SIZE = {"n_users": 4_000, "n_items": 6_000, "n_events": 40_000}


def train(backbone, **parameters):
    """One epoch over the made-up log."""
    model = BACKBONES[backbone](max_epochs=1, early_stopping=False, random_state=0, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(made_log(**SIZE))


class Epoch:
    """One epoch of 34,000 positions, start of the network included."""

    params = (sorted(BACKBONES), sorted(LOSSES), ["float32", "bfloat16"])
    param_names = ("backbone", "loss", "precision")
    timeout = 300

    def setup(self, backbone, loss, precision):
        made_log(**SIZE)

    def time_fit(self, backbone, loss, precision):
        train(backbone, loss=LOSSES[loss], precision=precision)

    def peakmem_fit(self, backbone, loss, precision):
        train(backbone, loss=LOSSES[loss], precision=precision)


class Batches:
    """Windows, their order and batches: an epoch of 380,000 events with next to no network."""

    timeout = 300

    def setup(self):
        self.log = made_log(40_000, 6_000, 400_000)

    def _train(self):
        sizes = {"embedding_dim": 2, "n_layers": 1, "n_heads": 1}
        model = SASRecEstimator(loss=SampledSoftmax(1), random_state=0, **sizes)
        model.partial_fit(self.log)

    def time_epoch(self):
        self._train()

    def peakmem_epoch(self):
        self._train()


class Answer:
    """A fitted network asked about 4,000 users, and ranks of 38,000 rows among 6,000 items."""

    timeout = 300

    def setup(self):
        self.model = train("sasrec", loss=SampledSoftmax())
        self.rows = made_log(**SIZE).next_queries()
        self.log = made_log(**SIZE)

    def time_predict(self):
        self.model.predict(self.rows)

    def peakmem_predict(self):
        self.model.predict(self.rows)

    def time_full_ranks(self):
        self.model.target_ranks(self.log)

    def peakmem_full_ranks(self):
        self.model.target_ranks(self.log)


class ClosedForm:
    """EASE: one inverse of all items."""

    timeout = 300

    def setup(self):
        self.log = made_log(4_000, 3_000, 40_000)
        self.turn = 0

    def time_fit(self):
        self.turn += 1  # an inverse of its own
        EASEEstimator(regularization=100 + self.turn).fit(self.log)

    def peakmem_fit(self):
        EASEEstimator().fit(self.log)
