"""IdCounts: the different ids of a column that is read piece by piece."""
# SPDX-License-Identifier: BSD-3-Clause

from importlib import import_module
from typing import Any

import numpy as np

from skace._typing import IdArray, IntArray
from skace._validation import check_ids
from skace.data._changed_files import files_changed

__all__ = ["IdCounts", "codes_of"]

_FEW = 2**21  # ids that may wait before they are counted together


class IdCounts:
    """How often each id of a column occurs; memory grows with the different ones only."""

    def __init__(self) -> None:
        self._counted: list[Any] = []  # tables of ids and counts
        self._n_waiting = 0

    def add(self, ids: Any) -> None:
        """Count the ids of a pyarrow array."""
        arrow, compute = import_module("pyarrow"), import_module("pyarrow.compute")
        counted = compute.value_counts(ids)
        self._counted.append(
            arrow.table({"id": counted.field("values"), "n": counted.field("counts")})
        )
        self._n_waiting += len(counted)
        # As many as there are different ones, so that each is merged a few times at most.
        if self._n_waiting > max(_FEW, 2 * self._counted[0].num_rows):
            self._merge()

    def _merge(self) -> None:
        table = import_module("pyarrow").concat_tables(self._counted)
        counted = table.group_by("id", use_threads=False).aggregate([("n", "sum")])
        self._counted = [counted.select(["id", "n_sum"]).rename_columns(["id", "n"])]
        self._n_waiting = counted.num_rows

    def sorted(self, name: str) -> tuple[IdArray, IntArray]:
        """Ids in ascending order, as numpy has it, and the count of each."""
        self._merge()
        (table,) = self._counted
        ids = check_ids(_in_numpy(table["id"]), name)
        order = np.argsort(ids, kind="stable")
        return ids[order], table["n"].to_numpy().astype(np.int64, copy=False)[order]


def codes_of(ids: Any, known: IdArray) -> IntArray:
    """Place of each id of a pyarrow array among all different ones, ascending.

    Raises
    ------
    RuntimeError
        If there is an id that is not among them.
    """
    coded = ids.dictionary_encode()
    different = _in_numpy(coded.dictionary)
    places = np.minimum(np.searchsorted(known, different), known.size - 1)
    if not np.array_equal(known[places], different):
        raise files_changed()
    codes: IntArray = places[coded.indices.to_numpy()]
    return codes


def _in_numpy(ids: Any) -> IdArray:
    """Different ids as numpy holds them."""
    if import_module("pyarrow").types.is_integer(ids.type):
        numbers: IdArray = ids.to_numpy()
        return numbers
    return np.array(ids.to_pylist(), dtype=np.str_)
