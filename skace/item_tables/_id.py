"""IDTable: vectors of item ids, whatever the features say."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real
from typing import TYPE_CHECKING

from skace._sklearn_compat import Interval
from skace._typing import BoolArray, ColdItems, FloatArray
from skace.item_tables._base import ItemTable, width_asked_for

if TYPE_CHECKING:
    import torch

__all__ = ["IDTable"]


class IDTable(ItemTable):
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
    it meets. A vector that no row has trained is
    noise, so that cold items score ``-inf``, and items that the model has not been fitted
    on are unknown even if they have features.

    Stability: provisional.

    Examples
    --------
    >>> from skace.item_tables import IDTable
    >>> IDTable().width(None, embedding_dim=64)
    64
    """

    scores_cold = False
    reads_features = False

    _parameter_constraints: dict = {
        **ItemTable._parameter_constraints,
        "init_std": [Interval(Real, 0, None, closed="left")],
        "sparse": ["boolean"],
    }

    def __init__(
        self,
        *,
        init_std: float = 0.02,
        cold_items: ColdItems = "excluded",
        sparse: bool = False,
    ) -> None:
        super().__init__(cold_items=cold_items)
        self.init_std = init_std
        self.sparse = sparse

    def width(self, n_features: int | None, embedding_dim: int | None) -> int:
        """Width of the table: ``embedding_dim``, else 128; see `ItemTable.width`."""
        self._validate_params()
        return width_asked_for(embedding_dim)

    def build(
        self,
        features: FloatArray | None,
        *,
        n_items: int,
        width: int,
        is_cold: BoolArray,
        generator: "torch.Generator",
    ) -> "torch.nn.Module":
        """Build the module; see `ItemTable.build`."""
        from skace._torch._tables import TrainableItems, random_vectors

        vectors = random_vectors(n_items, width, self.init_std, generator)
        return TrainableItems(vectors, is_cold, is_sparse=self.sparse)
