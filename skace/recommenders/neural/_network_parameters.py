"""NetworkParameters: what all networks share, by name and type."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import TypedDict

from skace._typing import HandleUnknown, LearningRateSchedule, LongSequences, Precision, RandomState
from skace.item_tables import ItemTable
from skace.losses import Loss

__all__ = ["NetworkParameters"]


class NetworkParameters(TypedDict, total=False):
    """Keyword parameters of `NeuralRecommender`, which documents them.

    Notes
    -----
    Stability: experimental.
    """

    exclude_seen: bool
    handle_unknown: HandleUnknown
    max_length: int
    long_sequences: LongSequences
    embedding_dim: int | None
    loss: Loss | None
    max_epochs: int
    batch_size: int
    learning_rate: float
    learning_rate_schedule: LearningRateSchedule
    weight_decay: float
    early_stopping: bool
    n_iter_no_change: int
    validation_fraction: float
    train_on_held_out: bool
    item_table: ItemTable | None
    device: str
    precision: Precision
    warm_start: bool
    random_state: RandomState
    verbose: bool | int
