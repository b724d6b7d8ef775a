"""ItemTexts: text columns of items, from whatever a publisher puts into a field."""
# SPDX-License-Identifier: BSD-3-Clause

import html
from collections.abc import Hashable, Iterable
from importlib.util import find_spec
from itertools import islice
from typing import Any

import narwhals as nw
import numpy as np

from skace._typing import IdArray
from skace._validation import first_few

__all__ = ["ItemTexts", "check_columns", "text_of"]

_FRAME_LIBRARIES = ("pandas", "polars", "pyarrow")


class ItemTexts:
    """Texts of items by id; the first record of an item counts.

    Parameters
    ----------
    columns : iterable of str
        Names of the text columns.
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns = list(columns)
        self._rows: dict[Hashable, tuple[str, ...]] = {}

    def add(self, item: Hashable, texts: Iterable[str]) -> None:
        """Take in one item: a text per column, empty where there is none."""
        self._rows.setdefault(item, tuple(texts))

    def ids(self, of_events: IdArray, *, include_cold: bool) -> IdArray:
        """Ids of the catalog: those of the events, then the others if they are wanted."""
        known = np.unique(of_events)
        if not include_cold or not self._rows:
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
        nothing = ("",) * len(self.columns)
        rows = [self._rows.get(item, nothing) for item in item_ids.tolist()]
        columns: dict[str, Any] = {"item_id": item_ids}
        for place, name in enumerate(self.columns):
            columns[name] = [row[place] for row in rows]
        return nw.from_dict(columns, backend=installed[0]).to_native()

    @property
    def n_items(self) -> int:
        """Number of items that are described."""
        return len(self._rows)

    def some_ids(self) -> list[Hashable]:
        """Ids of the first of them, for messages."""
        return list(islice(self._rows, 4))

    def n_described(self, item_ids: IdArray) -> int:
        """How many of the items have a text."""
        return sum(any(self._rows.get(item, ())) for item in item_ids.tolist())


def text_of(value: Any, *, joint: str = ", ") -> str:
    """One line of text from a field: a text, a list, a list of lists, or nothing.

    The parts of a list are joined by ``joint``; lists in a list, as in several category
    paths of one product, by a bar. HTML entities are decoded and white space is folded.
    """
    if isinstance(value, str):
        return " ".join(html.unescape(value).split())
    if isinstance(value, (list, tuple)):
        is_nested = any(isinstance(part, (list, tuple)) for part in value)
        parts = [text_of(part, joint=joint) for part in value]
        return (" | " if is_nested else joint).join(part for part in parts if part)
    return ""  # None, NaN, and structures that are not text


def check_columns(columns: Any, available: Iterable[str]) -> list[str]:
    """Names of text columns as a list, all of them available."""
    is_one = isinstance(columns, str) or not isinstance(columns, Iterable)
    names = [columns] if is_one else list(columns)
    unknown = [name for name in names if not isinstance(name, str) or name not in available]
    if unknown or not names or len(set(names)) < len(names):
        raise ValueError(
            f"columns must be distinct names out of {', '.join(map(repr, available))}; got "
            f"{columns!r}."
        )
    return names
