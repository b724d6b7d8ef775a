"""Frames of any library, as narwhals sees them."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import narwhals as nw

from skace._validation import first_few

__all__ = ["eager_table", "require_columns"]


def eager_table(frame: Any, name: str) -> Any:
    """Frame as narwhals sees it; one whose rows are not computed yet is refused."""
    if nw.dependencies.is_polars_lazyframe(frame):
        raise TypeError(f"{name} is a LazyFrame, which holds no rows yet; call .collect() first.")
    return nw.from_native(frame, eager_only=True)


def require_columns(table: Any, names: list[str], argument: str) -> None:
    """Raise a ValueError that lists the columns if one of ``names`` is absent."""
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise ValueError(
            f"{argument} has no column {first_few(absent)}; its columns are "
            f"{', '.join(map(repr, table.columns))}."
        )
