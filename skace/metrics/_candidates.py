"""The published protocol of a target among 100 sampled items, under a name of its own."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral

from skace._sklearn_compat import Interval, validate_params
from skace.metrics._names import RankMetric, parse_metrics
from skace.metrics._sampled import Candidates
from skace.metrics._scorers import RankScorer

__all__ = ["sampled_candidates_scorer"]


@dataclass(frozen=True)
class _CandidateMetric(RankMetric):
    """A metric of ranks among sampled candidates, which its name says."""

    @property
    def name(self) -> str:
        return f"{self.full.name}[sampled{self.n_candidates}]"

    @property
    def full(self) -> RankMetric:
        """The metric as it is asked for, of ranks among all items."""
        return RankMetric(self.kind, self.k)


class _CandidateScorer(RankScorer):
    """Scorer among items that the user has not seen; a seen target is ranked all the same."""

    _metrics: tuple[_CandidateMetric, ...]

    def _candidates(self, n: int) -> Candidates:
        return Candidates(n, exclude_seen=True, ranks_seen=True)

    def __repr__(self) -> str:
        names = [m.full.name for m in self._metrics]
        asked = repr(names[0] if self._is_single else names)
        n_candidates = self._metrics[0].n_candidates
        options = f"n_candidates={n_candidates}, random_state={self._random_state}"
        return f"sampled_candidates_scorer({asked}, {options})"


@validate_params(
    {
        "metrics": "no_validation",
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def sampled_candidates_scorer(
    metrics: str | Iterable[str] = ("recall@10", "ndcg@10"),
    *,
    n_candidates: int = 100,
    random_state: int = 0,
) -> RankScorer:
    """Scorer that ranks the target among 100 sampled items.

    MELT [1]_, LLM-ESR [2]_ and LLMEmb [3]_ publish hit rate and NDCG at 10 of this protocol. Use it
    only to compare with such figures. They are several times higher than those of the full ranking,
    and can change the order of two models [4]_.

    Parameters
    ----------
    metrics : list of str, or str, default=("recall@10", "ndcg@10")
        Names, as in `score_ranks`. With one target per row, recall is the hit rate.

    n_candidates : int, default=100
        Number of items drawn for each row. Fewer items give better figures.

    random_state : int, default=0
        Seed of the draws. All models with the same items get the same candidates.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, sample_weight=None)`` -> dict of str to float in
        [0, 1], for a single str the float alone. The names state the protocol:
        ``"ndcg@10[sampled100]"``.

    Raises
    ------
    ValueError
        If a name is unknown, repeated or that of a sampled metric, or a parameter is out of its
        range. When scoring, if a row has fewer than ``n_candidates`` items to draw from.

    TypeError
        If ``metrics`` is not a list of names.

    See Also
    --------
    sampled_ranks : The same ranks, row by row, with ``exclude_seen=True`` and
        ``seen_targets="rank"``.

    Notes
    -----
    The candidates of a row are drawn uniformly, each at most once, from the items of the model that
    are neither the row's target nor in its full past. For a test row of leave-one-out, this past is
    the training and validation items. The target is ranked even if it is in the past itself,
    whatever ``exclude_seen`` of the estimator is. Items that come later in the log may be drawn.

    Differences from the published runs: MELT draws the candidates once per user, LLMEmb anew for
    each evaluation, both from other random generators. And an equal score counts half here, while
    there sorting breaks ties arbitrarily.

    For the published figures by group (users with short pasts, rare items), use `sampled_ranks`
    with `user_groups` and `popularity_groups`.

    Stability: provisional.

    References
    ----------
    .. [1] K. Kim et al., "MELT: mutual enhancement of long-tailed user and item for
       sequential recommendation", SIGIR 2023.
    .. [2] Q. Liu et al., "LLM-ESR: large language models enhancement for long-tailed
       sequential recommendation", NeurIPS 2024.
    .. [3] Q. Liu et al., "LLMEmb: large language model can be a good embedding generator
       for sequential recommendation", AAAI 2025.
    .. [4] W. Krichene and S. Rendle, "On sampled metrics for item recommendation", KDD
       2020.

    Examples
    --------
    >>> from skace import Interactions, PopularityEstimator
    >>> from skace.metrics import sampled_candidates_scorer
    >>> X = Interactions.from_sequences([["pen", "ink"], ["pen", "cap"], ["nib", "pen"]])
    >>> scorer = sampled_candidates_scorer(["recall@1", "ndcg@2"], n_candidates=2)
    >>> scorer(PopularityEstimator(k=1).fit(X), [["ink"]], ["pen"])
    {'recall@1[sampled2]': 1.0, 'ndcg@2[sampled2]': 1.0}
    """
    is_single = isinstance(metrics, str)
    parsed = parse_metrics([metrics] if is_single else metrics)
    sampled = [metric.name for metric in parsed if metric.n_candidates is not None]
    if sampled:
        raise ValueError(
            f"{sampled[0]!r} names candidates of its own; give n_candidates and the plain name "
            f"{sampled[0].split('[')[0]!r}, or use ranking_scorer."
        )
    return _CandidateScorer(
        tuple(_CandidateMetric(m.kind, m.k, int(n_candidates)) for m in parsed),
        is_single=is_single,
        random_state=int(random_state),
    )
