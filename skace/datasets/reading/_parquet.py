"""Rows of parquet files as records, by a library that is installed."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Collection, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from skace.datasets.reading._lines import LineReader

__all__ = ["read_parquet"]

_BATCH = 8192  # rows that are in memory together


def read_parquet(lines: LineReader, fields: Collection[str] | None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a parquet file; of other columns than ``fields`` nothing is read."""
    readers = {"pyarrow": _by_pyarrow, "polars": _by_polars}
    installed = [name for name in readers if find_spec(name)]
    if not installed:
        raise ImportError(
            f"{lines.name} is a parquet file, which takes pyarrow or polars; install one of them."
        )
    lines.place, lines.number = "row", 0
    for record in readers[installed[0]](lines, fields):
        lines.number += 1
        yield record


def _by_pyarrow(lines: LineReader, fields: Collection[str] | None) -> Iterator[dict[str, Any]]:
    parquet = import_module("pyarrow.parquet")
    error = import_module("pyarrow").ArrowException
    try:
        file = parquet.ParquetFile(lines.path)
        names = [name for name in file.schema_arrow.names if fields is None or name in fields]
        for batch in file.iter_batches(_BATCH, columns=names):
            yield from batch.to_pylist()
    except (OSError, error) as fault:
        raise _damaged(lines, fault) from fault


def _by_polars(lines: LineReader, fields: Collection[str] | None) -> Iterator[dict[str, Any]]:
    polars = import_module("polars")
    try:
        table = polars.scan_parquet(lines.path)
        names = [name for name in table.collect_schema() if fields is None or name in fields]
        yield from table.select(names).collect().iter_rows(named=True)
    except (OSError, polars.exceptions.PolarsError) as fault:
        raise _damaged(lines, fault) from fault


def _damaged(lines: LineReader, fault: Exception) -> ValueError:
    return ValueError(
        f"{lines.name} is damaged or cut off after row {lines.number} ({fault}); download it again."
    )
