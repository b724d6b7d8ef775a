"""IDTable: vectors of item ids, whatever the features say."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.item_tables._base import width_asked_for
from skace.item_tables._trainable import TrainableTable

__all__ = ["IDTable"]


class IDTable(TrainableTable):
    """Start at random, train every entry, and ignore features.

    The classical recommender of item ids, and the baseline for every table that reads
    features. With and without features in the catalog it is the same model.

    Parameters
    ----------
    init_std : float, default=0.02
        Standard deviation of the initial vectors. To compare with a table that starts
        from features, give both the same value.

    cold_items : {"excluded", "negatives"}, default="excluded"
        Whether items without a training row are left out of the softmax or are wrong answers in it.

    sparse : bool, default=False
        Whether a step updates only the vectors that it has looked up, by an Adam that skips the
        others (`torch.optim.SparseAdam`). For catalogs of several hundred thousand items. It needs
        a loss that draws its negatives, no weight decay and a single process, and does not work
        inside `~skace.recommenders.MELTEstimator`.

    Notes
    -----
    A step reads and writes n_items x width numbers, or with ``sparse`` only those of the items that
    it looks up. A vector that no row has trained is noise, so cold items score ``-inf``. Items that
    the model was not fitted on are unknown, even if they have features.

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
