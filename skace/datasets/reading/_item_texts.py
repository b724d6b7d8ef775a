"""ItemTexts: text columns of items, by id."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Collection, Hashable, Iterable
from importlib.util import find_spec
from typing import Any

import narwhals as nw
import numpy as np

from skace._typing import IdArray
from skace._validation import first_few
from skace.datasets.reading._fields import WHOLE

__all__ = ["ItemTexts", "check_columns"]

_FRAME_LIBRARIES = ("pandas", "polars", "pyarrow")
_SHOWN = 4


class ItemTexts:
    """Texts of items by id; the first record of an item counts.

    Parameters
    ----------
    columns : iterable of str
        Names of the text columns.
    wanted : collection of ids or None, default=None
        Items whose texts are kept; None keeps all.
    are_numbers : bool, default=False
        Whether events know the items by whole numbers, which may be texts here.
    """

    def __init__(
        self,
        columns: Iterable[str],
        wanted: Collection[Hashable] | None = None,
        *,
        are_numbers: bool = False,
    ) -> None:
        self.columns = list(columns)
        self.n_items = 0  # that are described, whether wanted or not
        self.some_ids: list[Hashable] = []  # of the first of them, for messages
        self._wanted = wanted
        self._are_numbers = are_numbers
        self._rows: dict[Hashable, tuple[str, ...]] = {}

    def add(self, item: Hashable, texts: Iterable[str]) -> None:
        """Take in one item: a text per column, empty where there is none."""
        if self._are_numbers and isinstance(item, str) and WHOLE.fullmatch(item):
            item = int(item)
        self.n_items += 1
        if len(self.some_ids) < _SHOWN:
            self.some_ids.append(item)
        if self._wanted is None or item in self._wanted:
            self._rows.setdefault(item, tuple(texts))

    def with_cold(self, known: IdArray) -> IdArray:
        """Ids of the catalog: those of the events, then those that are only described."""
        if not self._rows:
            return known
        others = np.array(list(self._rows))
        if others.dtype.kind != known.dtype.kind:
            raise ValueError(
                f"items are described under ids such as {first_few(others[:1])}, but events have "
                f"ids such as {first_few(known[:1])}; the files do not belong together."
            )
        return np.concatenate([known, others[~np.isin(others, known)]])

    def frame(self, item_ids: IdArray) -> Any:
        """Frame of ``item_id`` and the text columns; unknown items have empty texts.

        It is one of pandas, polars and pyarrow, the first that is installed.
        """
        installed: list[Any] = [name for name in _FRAME_LIBRARIES if find_spec(name)]
        if not installed:
            raise ImportError(
                "loading a data set needs pandas, polars or pyarrow; install one of them."
            )
        columns: dict[str, Any] = {"item_id": item_ids}
        nothing = ("",) * len(self.columns)
        ids = item_ids.tolist() if self.columns else []
        for place, name in enumerate(self.columns):
            columns[name] = [self._rows.get(item, nothing)[place] for item in ids]
        return nw.from_dict(columns, backend=installed[0]).to_native()

    def n_described(self, item_ids: IdArray) -> int:
        """How many of the items have a text."""
        if not self._rows:
            return 0
        return sum(any(self._rows.get(item, ())) for item in item_ids.tolist())


def check_columns(columns: Any, available: Iterable[str]) -> list[str]:
    """Names of text columns as a list, all of them available; None stands for no column."""
    if columns is None:
        return []
    is_one = isinstance(columns, str) or not isinstance(columns, Iterable)
    names = [columns] if is_one else list(columns)
    unknown = [name for name in names if not isinstance(name, str) or name not in available]
    if unknown or not names or len(set(names)) < len(names):
        raise ValueError(
            f"columns must be distinct names out of {', '.join(map(repr, available))}, or None for "
            f"ids only; got {columns!r}."
        )
    return names
