"""What is known of a loss before any work, and losses of files from before they were objects."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.losses import BCE, BPR, GBCE, InBatchSoftmax, SampledSoftmax

__all__ = ["check_sparse", "with_loss_object"]


def check_sparse(loss, weight_decay):
    """Raise if training would touch more rows of a table with ``sparse=True`` than it reads.

    Parameters
    ----------
    loss : Loss
        What is minimised.

    weight_decay : float
        Of all parameters.

    Raises
    ------
    ValueError
        If all items compete in the loss, there is weight decay, or several processes train.
    """
    from skace._torch.training._parallel import Ranks

    if getattr(loss, "updates_all_items", True):  # third parties need not say
        raise ValueError(
            f"item_table has sparse=True, but with loss={loss!r} every step updates all items; set "
            "loss=SampledSoftmax() or another loss of skace.losses that draws, or "
            "item_table__sparse=False."
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


def with_loss_object(state):
    """State of a network with its loss as an object, as it is named in files of before.

    Parameters
    ----------
    state : dict
        Attributes of a `NeuralRecommender`; ``loss`` may be a name that goes with
        ``n_negatives``, ``negatives`` and ``gbce_t``.

    Returns
    -------
    state : dict
        The same without these names.
    """
    if not isinstance(state.get("loss"), str):
        return state
    state = dict(state)
    defaults = {"n_negatives": 256, "negatives": "uniform", "gbce_t": 0.75}
    n, draw, t = (state.pop(name, default) for name, default in defaults.items())
    name = state["loss"]
    if name == "sampled_softmax" and draw == "in_batch":
        state["loss"] = InBatchSoftmax()
    elif name == "gbce":
        state["loss"] = GBCE(n, t=t)
    else:
        kinds = {"sampled_softmax": SampledSoftmax, "bce": BCE, "bpr": BPR}
        state["loss"] = kinds[name](n, draw=draw) if name in kinds else None
    return state
