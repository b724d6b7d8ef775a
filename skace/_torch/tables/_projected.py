"""ProjectedItems: a frozen linear map of the item features."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import torch

from skace._row_blocks import project_rows
from skace._torch.tables._base import ItemModule
from skace._typing import FloatArray

__all__ = ["ProjectedItems"]


class ProjectedItems(ItemModule):
    """Features minus a mean, times fixed weights; training does not touch them.

    The projected rows are kept instead of the features, which are usually wider. Items
    that join later are projected as the first ones were.
    """

    mean: torch.Tensor
    weights: torch.Tensor
    rows: torch.Tensor
    n_projected: torch.Tensor

    def __init__(
        self,
        features: FloatArray,
        mean: FloatArray,
        weights: FloatArray,
        *,
        normalize: bool = False,
    ) -> None:
        super().__init__()
        self.normalize = normalize
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))  # (d,)
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float32))  # (d, r)
        self.register_buffer("rows", self._project(features))  # (n_items, r)
        self.register_buffer("n_projected", torch.tensor(len(features)))
        # Until a state is loaded or training begins: it may turn out that rows are new.
        self._features: FloatArray | None = features

    def remember_cold(self) -> None:
        """Project the items that a loaded state did not hold by the map that it did."""
        n_known = int(self.n_projected)
        if n_known < len(self.rows) and self._features is not None:
            self.rows[n_known:] = self._project(self._features[n_known:]).to(self.rows.device)
            self.n_projected.fill_(len(self.rows))
        self._features = None

    def forward(self) -> torch.Tensor:
        """Table of shape (n_items, r)."""
        return self.rows

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Vectors of shape (n, r) of items that the table does not hold."""
        return self._project(features.detach().cpu().numpy()).to(self.rows.device)

    def _project(self, features: FloatArray) -> torch.Tensor:
        """Projected rows, float32, on the CPU; products in float64."""
        mean, weights = (x.cpu().numpy().astype(np.float64) for x in (self.mean, self.weights))
        projected = project_rows(
            features, weights, mean=mean, normalize=self.normalize, dtype=np.float32
        )
        return torch.from_numpy(projected)
