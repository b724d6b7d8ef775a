"""Where negatives come from, by the names that users know."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import TYPE_CHECKING

from skace.losses._base import ItemCounts

if TYPE_CHECKING:
    from skace._torch.training._sampled_losses import Draw

__all__ = ["build_draw"]


def build_draw(name: str, counts: ItemCounts) -> "Draw":
    """Build what draws negatives.

    Parameters
    ----------
    name : {"uniform", "popularity", "in_batch"}
        All items alike; all items by their training rows; the right answers of the batch.

    counts : ItemCounts
        Of the items that compete.

    Returns
    -------
    draw : Draw
        Function of a shape, the table, the targets and their weights.
    """
    from skace._torch.training._sampled_losses import (
        draw_from_batch,
        draw_uniformly,
        popularity_draw,
    )

    if name == "popularity":
        return popularity_draw(counts.learned)
    return draw_from_batch if name == "in_batch" else draw_uniformly
