"""TrainableTable: start from the features, then fine-tune."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real
from typing import TYPE_CHECKING

from skace._sklearn_compat import Interval
from skace._typing import BoolArray, ColdItems, FloatArray
from skace.item_tables._base import ItemTable

if TYPE_CHECKING:
    import torch

__all__ = ["TrainableTable"]


class TrainableTable(ItemTable):
    """Start from the item features and train every entry.

    The method of ACE, LLM2X and LLMInit. Without features the table starts at random, as in the
    classical recommender of item ids, and cold items score ``-inf``.

    Parameters
    ----------
    init_std : float, default=0.02
        Standard deviation of the random initial vectors if there are no features.

    cold_items : {"excluded", "negatives"}, default="excluded"
        Role of items without a training row. "excluded": they are neither in the softmax nor among
        negatives, so training does not push them down, and their vectors stay where the features
        put them. An item whose only rows are first events of users is not cold, although it is
        never a target. "negatives": they are wrong answers at every position, as in most other
        libraries.

    sparse : bool, default=False
        Whether a step updates only the vectors that it has looked up, by an Adam that skips the
        others (`torch.optim.SparseAdam`). For catalogs of several hundred thousand items. It needs
        a loss that draws its negatives, no weight decay and a single process, and does not work
        inside `~skace.recommenders.MELTEstimator`.

    Notes
    -----
    Stability: provisional.

    References
    ----------
    .. [1] Lee, Kim, Lee, "ACE: anisotropy-controllable embedding", SIGIR 2026,
       arXiv 2605.29322.
    .. [2] Harte et al., "Leveraging Large Language Models for Sequential Recommendation",
       RecSys 2023, arXiv 2309.09261.

    Examples
    --------
    >>> from skace.item_tables import TrainableTable
    >>> TrainableTable(init_std=0.1)
    TrainableTable(init_std=0.1)
    """

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
        from skace._torch.tables._base import as_vectors, random_vectors
        from skace._torch.tables._trainable import TrainableItems

        if features is None:
            vectors = random_vectors(n_items, width, self.init_std, generator)
        else:
            vectors = as_vectors(features)
        return TrainableItems(vectors, is_cold, is_sparse=self.sparse)
