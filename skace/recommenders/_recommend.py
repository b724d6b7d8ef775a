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
    """Best items and their scores from any fitted model, with optional rules.

    `SequentialRecommender.recommend` for objects without that method: a Pipeline, a search, a
    frozen estimator.

    Parameters
    ----------
    estimator : fitted estimator
        A recommender, a Pipeline that ends in a recommender, or a fitted search over one of these.

    X : Interactions, list of sequences of item ids, or dict of them
        Rows, queries (`Interactions.next_queries`, `Interactions.queries_for`), or one history per
        visitor. A Pipeline transforms it as in ``predict``.

    k : int or None, default=None
        Length of the lists; None takes the parameter ``k`` of the recommender.

    candidates : list of ids, list of lists, mask, callable or None, default=None
        Only these items may be recommended. For all rows: a list of ids, or a mask of shape
        (n_items,). For each row: one list of ids per row, or a mask of shape (n_rows, n_items),
        sparse or dense. The columns of a mask are in the order of ``item_ids_``. A dict or a
        labelled Series is matched by its labels: row ids for lists, item ids for truth values. A
        callable is called for one block of rows at a time: ``candidates(row_ids, item_ids)``
        returns any of the above for these rows. Row ids are user ids, the keys of a dict or Series,
        or numbers from 0. None: all items.

    exclude : list of ids, list of lists, mask, callable or None, default=None
        These items may not be recommended. It has the same forms as ``candidates``.

    quotas : dict of str to int, or None, default=None
        Most items in a list with the same value in a column of ``items``: ``{"category": 3}``
        allows three per category. An item without a value belongs to no group and is not limited.

    exclude_seen : bool or None, default=None
        Whether to leave items of the past out of recommendations. None takes the parameter of the
        recommender.

    items : Catalog of texts, frame or None, default=None
        Holds the columns of ``quotas``. A frame has the ids in its column ``item_id``. None takes
        the catalog of X before any step of a Pipeline.

    unknown_ids : {"error", "ignore"}, default="error"
        What to do with ids in ``candidates`` and ``exclude`` that the model does not know.

    Returns
    -------
    recommendations : Recommendations
        A pair ``item_ids, scores`` of arrays of shape (n_rows, min(k, n_candidates)), best first,
        with ``to_frame`` and ``to_lists``. If fewer items are eligible, others fill up the row with
        a score of ``-inf``.

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
