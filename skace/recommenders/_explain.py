"""Why an item: what each event of a history gives to its score."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from narwhals.typing import IntoDataFrame

from skace._typing import FloatArray, IdArray
from skace._validation import check_ids, first_few
from skace._windows import past_events
from skace.data import Catalog, Interactions
from skace.data._built import queries_over
from skace.data._inputs import rows_to_predict
from skace.data._keys import keys_of
from skace.metrics._target_ranks import final_estimator
from skace.recommenders._item_fields import frame_of
from skace.recommenders._recommend import model_within

__all__ = ["Explanations", "explain"]

_BLOCK_EVENTS = 2**20  # of histories that lack an event


@dataclass(frozen=True, eq=False)
class Explanations:
    """Result of `explain`: the events of each row's history and their contributions.

    Parameters
    ----------
    item_ids : ndarray of shape (n_rows,)
        The items that are explained.

    scores : ndarray of shape (n_rows,), float32
        Their scores. If the model knows no item of the history, counts of training rows.

    history_ids : list of n_rows ndarrays of shape (n_events,)
        Items of the histories, the oldest event first.

    contributions : list of n_rows ndarrays of shape (n_events,), float64
        How much each event contributes to the score.

    adds_up : bool
        Whether the contributions of a row sum to its score. Otherwise each is the loss in score
        when the event is left out.

    users : ndarray of shape (n_rows,) or None, default=None
        User id of each row, or the key of its history.

    Notes
    -----
    Stability: provisional.
    """

    item_ids: IdArray
    scores: npt.NDArray[np.float32]
    history_ids: list[IdArray]
    contributions: list[FloatArray]
    adds_up: bool
    users: IdArray | None = None

    def to_frame(
        self,
        backend: Literal["pandas", "polars", "pyarrow"] | None = None,
        *,
        items: Catalog | IntoDataFrame | None = None,
        item: str = "item_id",
    ) -> Any:
        """Long frame with one line per event of a history.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"} or None, default=None
            Library of the frame. None: the library of ``items`` if that is a frame, or else the
            first of these that is installed.

        items : frame, Catalog or None, default=None
            Data on the items of the histories, such as titles: a frame with one row per item, or a
            catalog of texts. Its columns are added to each line.

        item : str, default="item_id"
            Column of ``items`` that holds the ids, if it is a frame.

        Returns
        -------
        frame : dataframe
            Columns ``row``, ``user_id`` (unless the rows were plain lists), ``explained_id``,
            ``event`` (from 0, the oldest), ``item_id`` (of the event), ``contribution`` and
            those of ``items``.
        """
        lengths = [len(history) for history in self.history_ids]
        rows = np.repeat(np.arange(len(lengths)), lengths)
        columns = {"row": rows}
        if self.users is not None:
            columns["user_id"] = self.users[rows]
        columns |= {
            "explained_id": self.item_ids[rows],
            "event": np.concatenate([np.arange(0), *map(np.arange, lengths)]),
            "item_id": np.concatenate([self.item_ids[:0], *self.history_ids]),
            "contribution": np.concatenate([np.zeros(0), *self.contributions]),
        }
        return frame_of(columns, backend, items, item)


def explain(estimator: Any, X: Any, item_ids: Any) -> Explanations:
    """How much each event of a history contributes to the score of an item.

    Parameters
    ----------
    estimator : fitted estimator
        A recommender, a Pipeline that ends in a recommender, or a fitted search over one of these.

    X : Interactions, list of sequences of item ids, or dict of them
        Rows, queries, or one history per visitor. With a single item, also a single history.

    item_ids : array-like of shape (n_rows,), or one item id
        The item to explain for each row, for example a column of the result of
        `predict`.

    Returns
    -------
    explanations : Explanations
        ``contributions`` has an array for each row, the oldest event first. ``to_frame`` has a line
        for each event; its ``items=`` adds titles.

    Raises
    ------
    ValueError
        If the number of items differs from the number of rows, an item is unknown, or `predict`
        would refuse X.

    TypeError
        If the estimator contains no recommender.

    Notes
    -----
    **Closed forms and neighbours** score by sums over events. The contributions are the terms of
    the sum, so they add up to the score (``adds_up``).

    **All other models** predict again without each event. The contribution of an event is the score
    minus the score without it. Two similar events can both have small contributions. In a network
    that knows positions, a contribution includes the effect of the shorter history. A history of n
    events takes n more predictions of n - 1 events each. If a history has one event, its
    contribution is the whole score, because without it the score would be a count.

    For a `DiversifiedRecommender`, the scores of its estimator are explained. If leaving out events
    is the method, an item of score ``-inf`` gets contributions of 0.

    Stability: provisional.

    Examples
    --------
    >>> import skace
    >>> from skace.recommenders import explain
    >>> lists = [["pen", "ink"], ["pen", "ink"], ["cap", "hat"], ["cap", "pen"]]
    >>> model = skace.EASEEstimator(k=1, regularization=1).fit(lists)
    >>> found = explain(model, ["cap", "pen"], "ink")
    >>> found.contributions[0].round(2)
    array([-0.22,  0.56])
    """
    X, item_ids = _one_history(X, item_ids)
    users = X.users if isinstance(X, Interactions) else keys_of(X)
    model, rows = model_within(estimator, X, "recommend")
    while hasattr(model, "estimator_"):
        model, rows = final_estimator(model.estimator_, rows)
    rows = rows_to_predict(rows)
    asked = check_ids(item_ids, "item_ids")
    if asked.size != len(rows):
        raise ValueError(
            f"item_ids has {asked.size} items, but X has {len(rows)} rows; give one item per row."
        )
    columns = model._rows_of_ids(asked, "item_ids") if asked.size else np.zeros(0, dtype=int)
    if (columns < 0).any():
        raise ValueError(
            f"item_ids holds {int((columns < 0).sum())} item id(s) that the model does not know: "
            f"{first_few(asked[columns < 0])}; ask about ids of item_ids_."
        )
    scores = _scores_of(model, rows, columns)
    adds_up = hasattr(model, "contributions")
    if adds_up and asked.size:
        terms = model.contributions(rows, asked)
    else:
        terms = _without_each(model, rows, columns, scores)
    ids = rows.catalog.item_ids[rows._log.items]
    histories = [ids[a:b] for a, b in zip(rows._starts, rows._ends, strict=True)]
    return Explanations(asked, scores, histories, terms, adds_up, users)


def _one_history(X, item_ids):
    """X and items as lists, where a single item and its history were given."""
    if np.ndim(item_ids) > 0:
        return X, item_ids
    is_flat = isinstance(X, (list, tuple, np.ndarray)) and not any(
        hasattr(part, "__len__") and not isinstance(part, str) for part in X
    )
    return ([list(X)] if is_flat else X), [item_ids]


def _scores_of(model, rows, columns):
    """Score of one column for each row, shape (n_rows,)."""
    different, places = np.unique(columns, return_inverse=True)
    scores = np.empty(len(rows), dtype=np.float32)
    if len(rows) == 0:
        return scores
    for part, block in model._score_blocks(rows, exclude_seen=False, columns=different):
        scores[part] = block[np.arange(len(block)), places[part]]
    return scores


def _without_each(model, rows, columns, scores):
    """What the score of each row loses without each of its events; 0 for those not read."""
    if len(rows) == 0:
        return []
    owners, events = past_events(rows._starts, rows._ends)
    is_read = model._columns_of(rows)[rows._log.items[events]] >= 0
    if model._histories(rows).extra_features is not None:  # unknown items are embedded
        is_read[:] = True
    sizes = np.bincount(owners[is_read], minlength=len(rows))
    ends, times = np.cumsum(sizes), rows._log.timestamps
    read = queries_over(
        rows.catalog,
        rows._log.items[events[is_read]],
        ends - sizes,
        ends,
        None if times is None else times[events[is_read]],
    )
    terms = np.zeros(events.size)
    terms[is_read] = np.concatenate(_without_each_read(model, read, columns, scores))
    return np.split(terms, np.cumsum(rows._ends - rows._starts)[:-1])


def _without_each_read(model, rows, columns, scores):
    """The same for rows of which the model reads all events."""
    lengths = rows._ends - rows._starts
    terms = [np.zeros(n) for n in lengths]
    for row in np.flatnonzero(lengths == 1):
        terms[row][:] = scores[row] if np.isfinite(scores[row]) else 0
    for part in _few_events(np.flatnonzero(lengths > 1), lengths):
        queries, owners = _reduced(rows, part)
        left = _scores_of(model, queries, columns[owners])
        with np.errstate(invalid="ignore"):  # of items without a score
            lost = np.nan_to_num(scores[owners].astype(np.float64) - left)
        for row in part:
            terms[row][:] = lost[owners == row]
    return terms


def _few_events(numbers, lengths):
    """Yield arrays of rows whose histories without an event are few events together, or one."""
    sizes = np.cumsum(lengths[numbers].astype(np.int64) ** 2) // _BLOCK_EVENTS
    yield from np.split(numbers, np.flatnonzero(np.diff(sizes)) + 1) if numbers.size else ()


def _reduced(rows, part):
    """Questions that lack one event each, and the number of the row of each."""
    chosen = rows[part]
    _, events = past_events(chosen._starts, chosen._ends)
    lengths = chosen._ends - chosen._starts
    kept, first = [], 0
    for n in lengths:
        places = np.tile(events[first : first + n], (n, 1))
        kept.append(places[~np.eye(n, dtype=bool)])
        first += n
    kept = np.concatenate(kept)
    sizes = np.repeat(lengths - 1, lengths)
    ends = np.cumsum(sizes)
    log = rows._log
    times = None if log.timestamps is None else log.timestamps[kept]
    queries = queries_over(rows.catalog, log.items[kept], ends - sizes, ends, times)
    return queries, np.repeat(part, lengths)
