"""ValidationSet: a holder that scikit-learn cannot cut."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

__all__ = ["ValidationSet"]


class ValidationSet:
    """Rows for early stopping, in a holder without length.

    scikit-learn slices every fit argument that is as long as X, so a validation set with as many
    rows as X would be cut. `Interactions.as_validation` makes this holder.

    Parameters
    ----------
    interactions : Interactions
        The validation rows.

    Notes
    -----
    Stability: provisional.
    """

    def __init__(self, interactions: Any) -> None:
        self.interactions = interactions

    def __repr__(self) -> str:
        return f"ValidationSet({self.interactions!r})"
