"""Rows of published tables: lines that fall into fields, with or without names above them."""
# SPDX-License-Identifier: BSD-3-Clause

import csv
from collections.abc import Iterator, Sequence

from skace.datasets.reading._lines import LineReader

__all__ = ["plain_name", "read_named_rows", "read_rows"]


def read_rows(lines: LineReader, separator: str, *, quotes: bool = False) -> Iterator[list[str]]:
    """Yield the fields of each line.

    Parameters
    ----------
    lines : LineReader
        The file.
    separator : str
        What stands between two fields.
    quotes : bool, default=False
        Whether fields with a separator in them are put in double quotes. A row is one line in any
        case: no published table has line ends inside of a field.
    """
    for line in lines:
        # A field of a line without quotes may be of any length, which the csv module forbids.
        if quotes and '"' in line:
            yield _unquoted(lines, line, separator)
        else:
            yield line.split(separator)


def _unquoted(lines: LineReader, line: str, separator: str) -> list[str]:
    """Fields of a line, some of them in double quotes."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error as error:
        raise lines.fault(
            f"no row of fields with {separator!r} between them, in double quotes where needed "
            f"({error})."
        ) from error


def read_named_rows(
    lines: LineReader, separator: str, names: Sequence[str], *, quotes: bool = False
) -> Iterator[list[str]]:
    """Yield the named fields of each line below the header, in the order of ``names``."""
    rows = read_rows(lines, separator, quotes=quotes)
    header = next(rows, None)
    if header is None:
        return
    places = _places_of(lines, header, names, separator)
    for row in rows:
        if len(row) <= max(places):
            raise lines.fault(f"{len(header)} fields expected, got {len(row)}.")
        yield [row[place] for place in places]


def plain_name(name: str) -> str:
    """Name of a column without what differs between copies: case, blanks and underscores."""
    return name.strip().lower().replace("_", "").replace(" ", "")


def _places_of(
    lines: LineReader, header: Sequence[str], names: Sequence[str], separator: str
) -> list[int]:
    """Columns of the names in a header."""
    found = [plain_name(name) for name in header]
    wanted = [plain_name(name) for name in names]
    if not set(wanted) <= set(found):
        raise lines.fault(
            f"header {separator.join(names)} expected, got {separator.join(header)[:200]}."
        )
    return [found.index(name) for name in wanted]
