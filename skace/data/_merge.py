"""Join several ``Interactions`` into one."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import scipy.sparse as sp

from skace._typing import IdArray, IntArray
from skace._validation import first_few, kind_of_ids
from skace.data._catalog import Catalog
from skace.data._log import sort_events
from skace.data._tie_key import joined_tie_keys
from skace.data._times import check_comparable, joined_times
from skace.data.features._forms import is_sparse
from skace.data.features._labels import without_labels

__all__ = ["check_alike", "joined_rows", "joined_ties", "merge_catalogs", "merged_logs"]


def joined_rows(parts: list[Any]) -> dict[str, Any]:
    """Rows of slices of one log, one after the other."""
    if len({part.is_query for part in parts}) > 1:
        raise ValueError("parts mix query rows and rows of the log; concat them apart.")
    if any(part.catalog.fingerprint != parts[0].catalog.fingerprint for part in parts[1:]):
        raise ValueError("parts share a log but have different catalogs.")
    users = np.concatenate([part._users for part in parts]) if parts[0].is_query else None
    return {"ends": np.concatenate([part._ends for part in parts]), "users": users}


def merged_logs(parts: list[Any], drop_duplicates: bool) -> dict[str, Any]:
    """Log, catalog and rows of parts that come from different logs."""
    if any(part.is_query for part in parts):
        raise ValueError("parts hold query rows; concat the logs, then call next_queries().")
    catalog = merge_catalogs([part.catalog for part in parts])
    check_alike(parts)
    items = [catalog.row_of(part.catalog.item_ids)[part._log.items] for part in parts]
    log = sort_events(
        _event_users(parts),
        np.concatenate(items),
        joined_times([part._log.times for part in parts]),
        _event_weights(parts),
        drop_duplicates=drop_duplicates,
    )
    sizes = [part._log.n_events for part in parts]
    n_inputs = [part._log.n_inputs for part in parts]
    shifts = np.repeat(np.concatenate([[0], np.cumsum(n_inputs)[:-1]]), sizes)
    places = np.concatenate([part._log.source for part in parts]) + shifts
    position = np.full(sum(sizes), -1, dtype=np.int64)  # of events that were dropped
    position[log.source] = np.arange(log.n_events)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    ends: Any = range(log.n_events)
    if not all(part._is_whole for part in parts):
        found = (position[at + part._ends] for at, part in zip(starts, parts, strict=True))
        ends = np.concatenate(list(found))
        ends = np.sort(ends[ends >= 0])
    # log.source counted events in the parts' logs; it has to count in their inputs.
    log = replace(
        log,
        source=places[log.source],
        n_inputs=sum(n_inputs),
        ties=joined_ties([part._log.ties for part in parts]),
        tie_key=joined_tie_keys([part._log.tie_key for part in parts]),
    )
    return {"log": log, "catalog": catalog, "ends": ends, "users": None}


def joined_ties(ties: list[str]) -> str:
    """How tied events stand: as the parts have it, or in part as in the input."""
    return ties[0] if len(set(ties)) == 1 else "keep" if "keep" in ties else "key"


def _event_users(parts: list[Any]) -> tuple[IdArray, IntArray]:
    """Ids of all users, sorted, and the number of that of each event of all logs."""
    ids, codes = np.unique(
        np.concatenate([part._log.user_ids for part in parts]), return_inverse=True
    )
    n_events = np.concatenate([np.diff(part._log.offsets) for part in parts])
    has_events = np.bincount(codes, weights=n_events, minlength=ids.size) > 0
    places = np.cumsum(has_events) - 1
    return ids[has_events], places[np.repeat(codes, n_events)]


def _event_weights(parts: list[Any]) -> Any:
    """Weights of all events, or None if no part has any."""
    weights = [part._log.weights for part in parts]
    return None if weights[0] is None else np.concatenate(weights)


def check_alike(parts: list[Any]) -> None:
    """Raise if user ids, weights or times of the parts do not go together."""
    kinds = {kind_of_ids(part._log.user_ids) for part in parts}
    if len(kinds) > 1:
        raise ValueError("users are strings in one part and integers in another.")
    if len({part._log.weights is None for part in parts}) > 1:
        raise ValueError(
            "some parts have weights and others have none; give all of them weights, for instance "
            "with X.with_weights(np.ones(len(X))), or none with X.with_weights(None)."
        )
    check_comparable([part._log.times for part in parts])


def merge_catalogs(catalogs: list[Catalog]) -> Catalog:
    """Union of catalogs, in order of first appearance; conflicts are refused.

    Those without features come last, because all the others together have to know their items.
    """
    groups = [[c for c in catalogs if (c.features is None) == lacks] for lacks in (False, True)]
    merged = [_merge_halves(group) for group in groups if group]
    return merged[0] if len(merged) == 1 else _fill_in(*merged)


def _merge_halves(catalogs: list[Catalog]) -> Catalog:
    """Union of catalogs, of two halves at a time: no item is copied for each that follows."""
    if len(catalogs) == 1:
        return catalogs[0]
    half = len(catalogs) // 2
    return _merge_two(_merge_halves(catalogs[:half]), _merge_halves(catalogs[half:]))


def _merge_two(left: Catalog, right: Catalog) -> Catalog:
    if left is right or left.fingerprint == right.fingerprint:
        return left
    rows = left.row_of(right.item_ids)
    is_new = rows < 0
    if left.features is None:
        return Catalog._of_ids(np.concatenate([left.item_ids, right.item_ids[is_new]]))
    forms = [_form_of(catalog.features) for catalog in (left, right)]
    if forms[0] != forms[1]:
        raise ValueError(
            f"the catalogs have features of different kind: {forms[0]} and {forms[1]}; transform "
            "or encode them alike before concat."
        )
    _refuse_conflicts(left, right, rows)
    new = np.flatnonzero(is_new)
    ids = np.concatenate([left.item_ids, right.item_ids[new]])
    # with_features, because a transformer may have mapped items to zero.
    joined = _stacked(left.features, right.take(new).features)
    return Catalog._of_ids(ids).with_features(joined, left.provenance)


def _form_of(features: Any) -> str:
    """What the features of two catalogs must have in common to be stacked, in words."""
    if nw.dependencies.is_into_dataframe(features):
        return f"the columns {', '.join(_table(features).columns)}"
    if features.ndim == 1:
        return "one text per item"
    return f"{'sparse ' if is_sparse(features) else ''}vectors of {features.shape[1]} numbers"


def _table(features: Any) -> Any:
    return nw.from_native(features, eager_only=True)


def _stacked(first: Any, second: Any) -> Any:
    """Features of one form, one after the other."""
    if is_sparse(first):
        return sp.vstack([first, second])
    if not nw.dependencies.is_into_dataframe(first):
        return np.concatenate([first, second])
    one, other = _table(first), _table(second)
    if one.implementation is not other.implementation:
        other = nw.from_dict(other.to_dict(as_series=False), backend=one.implementation)
    return without_labels(nw.concat([one, other.select(one.columns)], how="vertical").to_native())


def _fill_in(rich: Catalog, plain: Catalog) -> Catalog:
    """The catalog with features, if it knows all items of the one without."""
    lacking = plain.item_ids[rich.row_of(plain.item_ids) < 0]
    if lacking.size:
        raise ValueError(
            f"one catalog has features and the other has none, and {lacking.size} item(s) of the "
            f"latter would be without: {first_few(lacking)}; give both catalogs features."
        )
    return rich


def _refuse_conflicts(left: Catalog, right: Catalog, rows: Any) -> None:
    """Raise if an item has different features in the two catalogs."""
    shared = np.flatnonzero(rows >= 0)
    is_other = _differ(left.take(rows[shared]).features, right.take(shared).features)
    bad = right.item_ids[shared[is_other]]
    if bad.size:
        raise ValueError(
            f"the catalogs disagree on the features of {bad.size} item(s): {first_few(bad)}; "
            "keep one version."
        )


def _differ(first: Any, second: Any) -> Any:
    """Which rows of features of one form are different, (n_rows,)."""
    if nw.dependencies.is_into_dataframe(first):
        one, other = _table(first), _table(second)
        columns = [
            zip(one[name].to_list(), other[name].to_list(), strict=True) for name in one.columns
        ]
        return np.array([[_is_other(*pair) for pair in column] for column in columns]).any(axis=0)
    difference = first != second
    if difference.ndim == 1:  # one text per item
        return np.asarray(difference)
    counts = difference.sum(axis=1) if is_sparse(difference) else difference.any(axis=1)
    return np.asarray(counts).ravel() > 0


def _is_other(one: Any, other: Any) -> bool:
    """Whether two cells are different; nothing, also as NaN, is like nothing."""
    is_nothing = [cell is None or cell != cell for cell in (one, other)]
    return one != other if not any(is_nothing) else not all(is_nothing)
