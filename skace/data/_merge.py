"""Join several ``Interactions`` into one."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import numpy as np
import scipy.sparse as sp

from skace._validation import first_few, kind_of_ids
from skace.data._catalog import Catalog, is_sparse
from skace.data._log import sort_events

__all__ = ["joined_rows", "merged_logs"]


def joined_rows(parts: list[Any]) -> dict[str, Any]:
    """Rows of slices of one log, one after the other."""
    if len({part.is_query for part in parts}) > 1:
        raise ValueError("parts mix query rows and rows of the log; concat them apart.")
    if any(part.catalog.fingerprint != parts[0].catalog.fingerprint for part in parts[1:]):
        raise ValueError("parts share a log but have different catalogs.")
    users = np.concatenate([part._users for part in parts]) if parts[0].is_query else None
    return {"ends": np.concatenate([part._ends for part in parts]), "users": users}


def merged_logs(parts: list[Any]) -> dict[str, Any]:
    """Log, catalog and rows of parts that come from different logs."""
    if any(part.is_query for part in parts):
        raise ValueError("parts hold query rows; concat the logs, then call next_queries().")
    catalog = merge_catalogs([part.catalog for part in parts])
    _check_same_kinds(parts)
    items = [catalog.row_of(part.catalog.item_ids)[part._log.items] for part in parts]
    users = [_event_users(part) for part in parts]
    log = sort_events(np.concatenate(users), np.concatenate(items), _event_times(parts))
    sizes = [part._log.n_events for part in parts]
    shifts = np.repeat(np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
    places = np.concatenate([part._log.source for part in parts]) + shifts
    position = np.empty(log.n_events, dtype=np.int64)
    position[log.source] = np.arange(log.n_events)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    ends = [position[start + part._ends] for start, part in zip(starts, parts, strict=True)]
    # log.source counted events in the parts' logs; it has to count in their inputs.
    log = type(log)(log.items, log.offsets, log.user_ids, log.timestamps, places[log.source])
    return {"log": log, "catalog": catalog, "ends": np.sort(np.concatenate(ends)), "users": None}


def _event_users(part: Any) -> Any:
    """User id of every event of a part's log."""
    return np.repeat(part._log.user_ids, np.diff(part._log.offsets))


def _event_times(parts: list[Any]) -> Any:
    """Times of all events, or None if no part has any."""
    times = [part._log.timestamps for part in parts]
    if all(t is None for t in times):
        return None
    if any(t is None for t in times):
        raise ValueError("some parts have timestamps and others have none; give all of them times.")
    return np.concatenate(times)


def _check_same_kinds(parts: list[Any]) -> None:
    """Raise if user ids are strings in one part and integers in another."""
    kinds = {kind_of_ids(part._log.user_ids) for part in parts}
    if len(kinds) > 1:
        raise ValueError("users are strings in one part and integers in another.")


def merge_catalogs(catalogs: list[Catalog]) -> Catalog:
    """Union of catalogs, in order of first appearance; conflicts are refused."""
    merged = catalogs[0]
    for other in catalogs[1:]:
        merged = _merge_two(merged, other)
    return merged


def _merge_two(left: Catalog, right: Catalog) -> Catalog:
    if left is right or left.fingerprint == right.fingerprint:
        return left
    rows = left.row_of(right.item_ids)
    is_new = rows < 0
    if (left.features is None) != (right.features is None):
        return _fill_in(left, right)
    if left.features is None:
        return Catalog(np.concatenate([left.item_ids, right.item_ids[is_new]]))
    if _form_of(left) is None or _form_of(left) != _form_of(right):
        raise ValueError(
            "the catalogs have features of different kind or width; transform or encode them "
            "alike before concat."
        )
    _refuse_conflicts(left, right, rows)
    stack = sp.vstack if is_sparse(left.features) else np.concatenate
    new = np.flatnonzero(is_new)
    # with_features, because a transformer may have mapped items to zero.
    return Catalog(np.concatenate([left.item_ids, right.item_ids[new]])).with_features(
        stack([left.features, right.features[new]]), left.provenance
    )


def _form_of(catalog: Catalog) -> tuple[Any, ...] | None:
    """What two catalogs must have in common to be stacked; None if they cannot be."""
    features = catalog.features
    if not is_sparse(features) and not isinstance(features, np.ndarray):
        return None
    return (is_sparse(features), features.shape[1:], features.dtype.kind)


def _fill_in(left: Catalog, right: Catalog) -> Catalog:
    """The catalog with features, if it knows all items of the one without."""
    rich, plain = (left, right) if right.features is None else (right, left)
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
    difference = left.features[rows[shared]] != right.features[shared]
    if difference.ndim == 1:  # one text per item
        counts = difference
    else:
        counts = difference.sum(axis=1) if is_sparse(difference) else difference.any(axis=1)
    bad = right.item_ids[shared[np.asarray(counts).ravel() > 0]]
    if bad.size:
        raise ValueError(
            f"the catalogs disagree on the features of {bad.size} item(s): {first_few(bad)}; "
            "keep one version."
        )
