"""LastItem: each window is asked for the event after its end only."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import TYPE_CHECKING

import numpy as np

from skace._typing import BoolArray, IntArray
from skace._windows import Windows
from skace.objectives._base import Objective

if TYPE_CHECKING:
    from skace._torch._layouts import Layout

__all__ = ["LastItem"]


class LastItem(Objective):
    """Predict only the event after the end of a window; each row has its own window.

    For encoders that mix all positions of a window, such as filters or mixers. A pass of the
    encoder learns one row, so an epoch takes as many passes as there are rows. The encoder gets the
    ``lengths`` of the windows, shape (B,).

    Notes
    -----
    Stability: experimental.

    References
    ----------
    .. [1] K. Zhou et al., "Filter-enhanced MLP is all you need for sequential
       recommendation", WWW 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.objectives import LastItem
    >>> is_row, offsets = np.ones(4, dtype=bool), np.array([0, 4])
    >>> LastItem().windows(is_row, offsets, 50, overlap=True).lengths
    array([1, 2, 3])
    """

    def windows(
        self, is_row: BoolArray, offsets: IntArray, max_length: int, *, overlap: bool
    ) -> Windows:
        """Cut one window for each row, ending before the row; see `Objective.windows`."""
        windows = super().windows(is_row, offsets, max_length, overlap=overlap)
        # Log positions first_target .. start + length of each window, one after the other.
        counts = windows.starts + windows.lengths + 1 - windows.first_targets
        owner = np.repeat(np.arange(len(windows)), counts)
        steps = np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts)
        targets = windows.first_targets[owner] + steps
        owner, targets = owner[is_row[targets]], targets[is_row[targets]]
        starts = windows.starts[owner]
        return Windows(starts, targets - starts, targets)

    def build(self) -> "Layout":
        """Build the layout; see `Objective.build`."""
        from skace._torch._layouts import LastItemLayout

        return LastItemLayout()
