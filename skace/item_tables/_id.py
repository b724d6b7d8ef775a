"""IDTable: vectors of item ids, whatever the features say."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.item_tables._base import width_asked_for
from skace.item_tables._trainable import TrainableTable

__all__ = ["IDTable"]


class IDTable(TrainableTable):
    """Start at random and train every entry; features are left aside.

    The classical recommender of item ids, and the plain baseline of every table that
    reads features: with and without features in the catalog it is the same model.

    Parameters
    ----------
    init_std : float, default=0.02
        Standard deviation of the random start. To compare with a table that starts from
        features, give both the same.

    cold_items : {"excluded", "negatives"}, default="excluded"
        Whether items without a training row take part in the softmax as wrong answers.

    sparse : bool, default=False
        Whether a step updates only the vectors that it has looked up, by Adam without the
        steps in between (`torch.optim.SparseAdam`). For catalogs of several hundred thousand
        items, with a loss that draws its negatives; without weight decay, in one process,
        and not inside of `~skace.recommenders.MELTEstimator`.

    Notes
    -----
    A step reads and writes n_items x width numbers, with ``sparse`` only those of the items that
    it meets. A vector that no row has trained is noise, so that cold items score ``-inf``, and
    items that the model has not been fitted on are unknown even if they have features.

    Stability: provisional.

    Examples
    --------
    >>> from skace.item_tables import IDTable
    >>> IDTable().width(None, embedding_dim=64)
    64
    """

    scores_cold = False
    reads_features = False

    def width(self, n_features: int | None, embedding_dim: int | None) -> int:
        """Width of the table: ``embedding_dim``, else 128; see `ItemTable.width`."""
        self._validate_params()
        return width_asked_for(embedding_dim)
