"""Lists by any fitted model, through pipelines and searches."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from typing import Any

from narwhals.typing import IntoDataFrame

from skace._typing import HandleUnknown, Histories, ItemLists
from skace.data import Catalog, Interactions
from skace.data._inputs import rows_to_predict
from skace.data._keys import without_keys
from skace.metrics._target_ranks import final_estimator
from skace.recommenders._recommendations import Recommendations

__all__ = ["model_within", "recommend"]


def recommend(
    estimator: Any,
    X: Interactions | Histories,
    k: int | None = None,
    *,
    candidates: ItemLists | None = None,
    exclude: ItemLists | None = None,
    quotas: Mapping[str, int] | None = None,
    exclude_seen: bool | None = None,
    items: Catalog | IntoDataFrame | None = None,
    unknown_ids: HandleUnknown = "error",
) -> Recommendations:
    """Best items and their scores by any fitted model, under rules if there are any.

    What `SequentialRecommender.recommend` answers, for the objects that hide it: a Pipeline,
    a search, a frozen estimator.

    Parameters
    ----------
    estimator : fitted estimator
        A recommender, a Pipeline that ends in one, or a fitted search over one of these.

    X : Interactions, list of sequences of item ids, or dict of them
        Rows, queries (`Interactions.next_queries`, `Interactions.queries_for`), or one history
        per visitor. It goes through the steps of a Pipeline as it is.

    k : int or None, default=None
        Length of the lists; None takes the parameter ``k`` of the recommender.

    candidates : list of ids, list of lists, mask, callable or None, default=None
        Only these may be recommended. A list of ids holds for all rows, as does a mask of shape
        (n_items,). One list of ids per row, or a mask of shape (n_rows, n_items), sparse or
        dense, is for each row its own; the columns of a mask are those of ``item_ids_``. A dict
        or a labelled Series is read by its labels: lists by those of the rows, truth values by
        items. A callable is asked for one block of rows at a time: ``candidates(row_ids,
        item_ids)`` returns any of the above for these rows, whose ids are users, the keys of a
        dict or Series, or numbers from 0. None: all items.

    exclude : list of ids, list of lists, mask, callable or None, default=None
        These may not be recommended; forms as of ``candidates``.

    quotas : dict of str to int, or None, default=None
        At most so many items with one value of a column of ``items``, for example
        ``{"category": 3}``. An item without a value belongs to no group and is not limited.

    exclude_seen : bool or None, default=None
        Whether items of the past may not be recommended. None takes the parameter of the
        recommender.

    items : Catalog of texts, frame or None, default=None
        Where the columns of ``quotas`` are; a frame has the ids in its column ``item_id``.
        None takes the catalog of X as it is before the first step.

    unknown_ids : {"error", "ignore"}, default="error"
        What to do with ids in ``candidates`` and ``exclude`` that the model does not know.

    Returns
    -------
    recommendations : Recommendations
        A pair ``item_ids, scores`` of arrays of shape (n_rows, min(k, n_candidates)), best
        first, with ``to_frame`` and ``to_lists``. Where fewer items are eligible, others fill
        up the row with a score of ``-inf``.

    Raises
    ------
    ValueError
        If an argument is refused; see `SequentialRecommender.recommend`.

    TypeError
        If the estimator holds no recommender.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> import numpy as np
    >>> import skace
    >>> from sklearn.pipeline import make_pipeline
    >>> catalog = skace.Catalog(["pen", "ink", "cap"], np.eye(3) + 1)
    >>> X = skace.Interactions.from_sequences([["pen", "ink"], ["ink", "cap"]], catalog=catalog)
    >>> pipe = make_pipeline(
    ...     skace.ACETransformer(n_components=2), skace.EASEEstimator(k=1, regularization=1)
    ... ).fit(X)
    >>> found = skace.recommend(pipe, {"ann": ["pen"], "bo": ["ink"]}, 2, exclude=[["ink"], []])
    >>> found.to_lists()
    [['pen', 'cap'], ['pen', 'cap']]
    """
    if quotas and items is None and isinstance(X, Interactions):
        items = X.catalog
    model, handed = model_within(estimator, X, "recommend")
    return model.recommend(
        handed,
        k,
        candidates=candidates,
        exclude=exclude,
        quotas=quotas,
        exclude_seen=exclude_seen,
        items=items,
        unknown_ids=unknown_ids,
    )


def model_within(estimator, X, method):
    """Recommender inside of pipelines and searches, and X as the steps before it hand it on."""
    if not isinstance(X, Interactions):
        rows_to_predict(X)  # raises before any step works
    histories = without_keys(X)
    model, handed = final_estimator(estimator, histories)
    if not hasattr(model, method):
        raise TypeError(
            f"{type(model).__name__} has no method {method}; pass a recommender of skace, a "
            "Pipeline that ends in one, or a search over one with refit on."
        )
    return model, X if handed is histories else handed
