"""Which losses go with which negatives; known before any work, without torch."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["check_loss"]


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
