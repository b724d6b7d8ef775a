"""MemberReport: what each member of a stack adds on rows that it has not seen."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skace._sklearn_compat import Interval, validate_params
from skace._topk import ranks_of_targets
from skace.data._inputs import rows_to_score
from skace.metrics import PairedComparison, paired_bootstrap
from skace.metrics._names import RankMetric

__all__ = ["MemberReport", "member_report"]

_BLOCK_BYTES = 16 * 2**20  # of the scores of a member


@dataclass(frozen=True)
class MemberReport:
    """How much each member adds to a stack; see `StackingRecommender.member_report`.

    Parameters
    ----------
    metric : str
        Name of the metric.

    score : float
        Mean of the metric of the stack over the rows, in [0, 1].

    adds : dict of str to PairedComparison
        By name of the member: score of the stack minus the score of a stack of all
        others, with weights learned without this member.

    leads : dict of str to PairedComparison
        By name of the member: score of the stack minus the score of this member alone.

    Notes
    -----
    Stability: experimental.
    """

    metric: str
    score: float
    adds: dict[str, PairedComparison]
    leads: dict[str, PairedComparison]

    @property
    def best_member(self) -> str:
        """Name of the member that is best alone."""
        return min(self.leads, key=lambda name: self.leads[name].difference)

    def __repr__(self) -> str:
        width = max(map(len, self.adds))
        n_rows = next(iter(self.adds.values())).n_rows
        lines = [f"MemberReport({self.metric} {self.score:.4f}, {n_rows} rows)"]
        lines += [
            f"  {name:{width}}  adds {_shown(added)}, the stack leads by {_shown(self.leads[name])}"
            for name, added in self.adds.items()
        ]
        return "\n".join(lines)


def _shown(comparison):
    """Difference and interval."""
    return f"{comparison.difference:+.4f} [{comparison.low:+.4f}, {comparison.high:+.4f}]"


@validate_params(
    {
        "model": "no_validation",
        "X": "no_validation",
        "metric": [RankMetric],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def member_report(
    model: Any,
    X: Any,
    *,
    metric: RankMetric,
    confidence_level: float,
    n_resamples: int,
    random_state: Any,
) -> MemberReport:
    """Compare a stack with itself without each member, and with each alone.

    Parameters
    ----------
    model : StackingRecommender
        Fitted, of at least two members.
    X : Interactions or list of sequences
        Rows with a target.
    metric : RankMetric
        What is compared.
    confidence_level : float
        Of the intervals.
    n_resamples : int
        Of the users.
    random_state : int, RandomState or None
        Source of the resamples.
    """
    X = rows_to_score(X)
    names = list(model.named_estimators_)
    n_groups = model.weights_without_.shape[1:3]
    alone = np.broadcast_to(np.eye(len(names))[:, None, None], (len(names), *n_groups, len(names)))
    whole = getattr(model, "group_weights_", model.weights_[None, None])
    variants = np.concatenate([whole[None], model.weights_without_, alone])
    found = metric.score(_ranks_of_variants(model, X, variants).ravel(), average=False)
    scores = np.asarray(found).reshape(len(variants), len(X))
    own = np.random.RandomState() if random_state is None else check_random_state(random_state)
    seed = own.randint(np.iinfo(np.int32).max)  # the same resamples for all comparisons

    def compared(others):
        """Comparisons of the stack with others, by name."""
        return {
            name: paired_bootstrap(
                scores[0], other, groups=X.users, n_resamples=n_resamples,
                confidence_level=confidence_level, random_state=seed,
            )
            for name, other in zip(names, others, strict=True)
        }  # fmt: skip

    without, single = np.split(scores[1:], 2)
    return MemberReport(metric.name, float(scores[0].mean()), compared(without), compared(single))


def _ranks_of_variants(model, X, variants):
    """Ranks of the rows' own items by several weights, (n_variants, n_rows); members answer once.

    Rows without a past are answered by popularity, whatever the weights.
    """
    histories, targets = model._histories(X), model._columns_of(X)[X._item_codes]
    found = np.empty((len(variants), len(X)))
    is_empty = histories.lengths == 0
    if is_empty.any():
        found[:, is_empty] = model._ranks(X[np.flatnonzero(is_empty)])
    rows = np.flatnonzero(~is_empty)
    step = max(1, _BLOCK_BYTES // (4 * model.item_ids_.size))
    for block in np.split(rows, np.arange(step, rows.size, step)) if rows.size else []:
        part = histories.take(block)
        votes = [model._votes(member, part) for member in model.estimators_]
        for place, cells in enumerate(variants):
            scores = model._blended(votes, cells, part)
            if model.exclude_seen:
                model._mask_seen(scores, part, None)
            found[place, block] = ranks_of_targets(scores, targets[block])
    return found
