"""Which losses go with which negatives and tables; known before any work."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["check_loss", "check_sparse"]


def check_loss(loss, negatives):
    """Raise if the loss has no use for such negatives.

    Parameters
    ----------
    loss : {"softmax", "sampled_softmax", "bce", "gbce", "bpr"}
        What is minimised.

    negatives : {"uniform", "popularity", "in_batch"}
        Where the negatives come from.

    Raises
    ------
    ValueError
        If ``negatives`` is not "uniform" although the loss draws none ("softmax"), or
        corrects for uniform draws only ("gbce").
    """
    if negatives == "uniform":
        return
    if loss == "softmax":
        raise ValueError(
            f"negatives={negatives!r} has no effect with loss='softmax', in which all items "
            "compete; set loss='sampled_softmax', or negatives='uniform', the default."
        )
    if loss == "gbce":
        raise ValueError(
            f"negatives={negatives!r} does not go with loss='gbce', whose calibration holds for "
            "uniform draws only; set loss='bce', or negatives='uniform', the default."
        )


def check_sparse(loss, weight_decay):
    """Raise if training would touch more rows of a table with ``sparse=True`` than it reads.

    Parameters
    ----------
    loss : {"softmax", "sampled_softmax", "bce", "gbce", "bpr"}
        What is minimised.

    weight_decay : float
        Of all parameters.

    Raises
    ------
    ValueError
        If all items compete in the loss, there is weight decay, or several processes train.
    """
    from skace._torch._parallel import Ranks

    if loss == "softmax":
        raise ValueError(
            "item_table has sparse=True, but with loss='softmax' every step updates all items; set "
            "loss='sampled_softmax', 'bce', 'gbce' or 'bpr', or item_table__sparse=False."
        )
    if weight_decay > 0:
        raise ValueError(
            f"item_table has sparse=True, but weight_decay={weight_decay:g} shrinks all items at "
            "every step; set weight_decay=0, or item_table__sparse=False."
        )
    if Ranks.current().size > 1:
        raise ValueError(
            "item_table has sparse=True, whose gradients are not exchanged between processes; "
            "train in one process, or set item_table__sparse=False."
        )
