"""Losses of files from before they were objects."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.losses import BCE, BPR, GBCE, InBatchSoftmax, SampledSoftmax

__all__ = ["with_loss_object"]


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
