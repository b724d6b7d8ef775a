"""Records of published files: JSON by line or in one array, Python literals, rows of parquet."""
# SPDX-License-Identifier: BSD-3-Clause

import ast
import json
import re
from collections.abc import Collection, Generator, Iterator
from itertools import chain
from typing import Any

from skace.datasets.reading._lines import LineReader
from skace.datasets.reading._parquet import read_parquet

__all__ = ["read_records"]

_SHOWN = 60  # characters of a bad line in an error
_MOST_LINES = 10_000  # of one record
_JSON = re.compile(r"\s*\{\s*[\"}]")  # keys in double quotes; Python's repr has single ones
_BETWEEN = re.compile(r"[\s,\[\]]*")  # records of an array
_DECODER = json.JSONDecoder()


def read_records(
    lines: LineReader, fields: Collection[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield records, one per line: JSON, or a Python literal as some publishers write it.

    JSON that is spread over lines, as in an array of records, and parquet are read as well.
    Python literals go through ``ast.literal_eval``: nothing in a file is ever executed.

    Parameters
    ----------
    lines : LineReader
        The file.
    fields : collection of str or None, default=None
        Fields that are needed; where the others cost something, they are left out.
    """
    if lines.kind == "parquet":
        yield from read_parquet(lines, fields)
        return
    texts = iter(lines)
    first = next(texts, None)
    if first is None:
        return
    is_spread = first.lstrip().startswith("[") or first.strip() == "{"
    read_values = _spread_values if is_spread else _values
    for record in read_values(lines, chain([first], texts)):
        if not isinstance(record, dict):
            raise lines.fault(f"a record in braces expected, got {repr(record)[:_SHOWN]}.")
        yield record


def _values(lines: LineReader, texts: Iterator[str]) -> Iterator[Any]:
    """Value of each line."""
    for line in texts:
        try:
            yield _parse(line)
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise lines.fault(
                f"neither JSON nor a Python literal, it begins with {line[:_SHOWN]!r}."
            ) from error


def _parse(line: str) -> Any:
    """Value of a line."""
    if _JSON.match(line):
        try:
            return json.loads(line)
        except json.JSONDecodeError:
            pass  # the repr of a key with an apostrophe begins like JSON
    return ast.literal_eval(line.strip())


def _spread_values(lines: LineReader, texts: Iterator[str]) -> Iterator[Any]:
    """Values that begin and end on any line."""
    rest, since = "", 1
    for line in texts:
        rest += f"{line}\n"
        # Most lines inside of a record end in something else, and need no look.
        if line.rstrip().endswith(("}", "},", "]", "],")):
            before, rest = len(rest), (yield from _leading_values(rest))
            since = since if len(rest) == before else lines.number
        if lines.number - since > _MOST_LINES:
            break
    if rest.strip():
        raise lines.fault(
            f"the record that begins near line {since} with {rest[:_SHOWN]!r} does not end, or is "
            "no JSON; write one record per line, or mend it."
        )


def _leading_values(text: str) -> Generator[Any, None, str]:
    """Yield the values at the beginning of a text; return what is left of it."""
    place = 0
    while True:
        gap = _BETWEEN.match(text, place)
        place = gap.end() if gap else place
        if place == len(text):
            return ""
        try:
            value, place = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            return text[place:]
        yield value
