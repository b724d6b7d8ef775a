"""NextItem: at every place the event after it is asked for."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import TYPE_CHECKING

from skace.objectives._base import Objective

if TYPE_CHECKING:
    from skace._torch._layouts import Layout

__all__ = ["NextItem"]


class NextItem(Objective):
    """Predict the next event at every position of a window.

    One pass of the encoder learns all positions, so the encoder must be causal: position t sees
    only positions 0 to t.

    Notes
    -----
    Stability: experimental.

    References
    ----------
    .. [1] W.-C. Kang and J. McAuley, "Self-attentive sequential recommendation", ICDM 2018.

    Examples
    --------
    >>> from skace.objectives import NextItem
    >>> NextItem().is_causal
    True
    """

    is_causal = True

    def build(self) -> "Layout":
        """Build the layout; see `Objective.build`."""
        from skace._torch._layouts import NextItemLayout

        return NextItemLayout()
