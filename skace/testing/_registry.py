"""What skace has, found in its packages instead of being listed."""
# SPDX-License-Identifier: BSD-3-Clause

from skace import losses, recommenders
from skace._exports import exported_classes

__all__ = ["all_losses", "all_recommenders"]


def all_losses(n_negatives: int | None = None) -> list[losses.Loss]:
    """Instances of all losses of `skace.losses`, one for each way to draw negatives.

    Parameters
    ----------
    n_negatives : int or None, default=None
        ``n_negatives`` of the losses that draw; None leaves their defaults.

    Returns
    -------
    found : list of Loss
        In the order of the names.

    Notes
    -----
    Stability: experimental.

    Examples
    --------
    >>> from skace.testing import all_losses
    >>> all_losses()[0]
    BCE(draw='in_batch')
    """
    found = [loss for cls in exported_classes(losses, losses.Loss) for loss in _each_draw(cls)]
    if n_negatives is not None:
        for loss in found:
            if hasattr(loss, "n_negatives"):
                loss.set_params(n_negatives=n_negatives)
    return found


def all_recommenders() -> list[type[recommenders.SequentialRecommender]]:
    """All recommender classes of `skace.recommenders`, without base classes.

    Returns
    -------
    found : list of type
        In the order of the names. `SeedEnsemble`, `StackingRecommender` and `VotingRecommender`
        need their members as the first argument, and `GRAMTextEstimator` needs its model.

    Notes
    -----
    Stability: experimental.

    Examples
    --------
    >>> from skace.testing import all_recommenders
    >>> "EASEEstimator" in [cls.__name__ for cls in all_recommenders()]
    True
    """
    return [*exported_classes(recommenders, recommenders.SequentialRecommender)]


def _each_draw(cls):
    """A loss for each value of its ``draw``, if it has that."""
    for constraint in cls._parameter_constraints.get("draw", [None]):
        if constraint is None:
            yield cls()
        else:
            yield from (cls(draw=draw) for draw in sorted(constraint.options))
