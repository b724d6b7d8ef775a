"""Releases of the Amazon reviews: how their fields are named, and how to tell them."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from skace.datasets.reading._lines import LineReader
from skace.datasets.reading._records import read_records
from skace.datasets.reading._tables import plain_name, read_rows

__all__ = ["CITATIONS", "VERSIONS", "Version", "check_release", "holds_table", "read_ratings"]

CITATIONS = {
    "2014": (
        "J. McAuley, C. Targett, Q. Shi and A. van den Hengel (2015), Image-based "
        "recommendations on styles and substitutes, SIGIR, and R. He and J. McAuley (2016), Ups "
        "and downs, WWW"
    ),
    "2018": (
        "J. Ni, J. Li and J. McAuley (2019), Justifying recommendations using "
        "distantly-labeled reviews and fine-grained aspects, EMNLP"
    ),
    "2023": (
        "Y. Hou, J. Li, Z. He, A. Yan, X. Chen and J. McAuley (2024), Bridging language and "
        "items for retrieval and recommendation, arXiv:2403.03952"
    ),
}


@dataclass(frozen=True, slots=True)
class Version:
    """Names of the fields in one release."""

    user: str
    item: str
    rating: str
    time: str
    time_unit: str
    csv_order: tuple[int, int, int, int]  # columns of user, item, rating and time
    csv_header: bool
    item_of_text: str
    texts: Mapping[str, str]  # name of the column: name of the field
    own_fields: frozenset[str]  # of reviews and of products, which no other release has


VERSIONS = {
    "2014": Version(
        user="reviewerID",
        item="asin",
        rating="overall",
        time="unixReviewTime",
        time_unit="s",
        csv_order=(0, 1, 2, 3),
        csv_header=False,
        item_of_text="asin",
        texts={
            "title": "title",
            "brand": "brand",
            "categories": "categories",
            "description": "description",
        },
        own_fields=frozenset({"helpful", "salesRank", "imUrl", "related"}),
    ),
    "2018": Version(
        user="reviewerID",
        item="asin",
        rating="overall",
        time="unixReviewTime",
        time_unit="s",
        csv_order=(1, 0, 2, 3),
        csv_header=False,
        item_of_text="asin",
        texts={
            "title": "title",
            "brand": "brand",
            "categories": "category",
            "description": "description",
            "features": "feature",
            "main_category": "main_cat",
        },
        own_fields=frozenset(
            {
                "verified",
                "vote",
                "style",
                "category",
                "feature",
                "main_cat",
                "also_buy",
                "also_view",
            }
        ),
    ),
    "2023": Version(
        user="user_id",
        item="parent_asin",
        rating="rating",
        time="timestamp",
        time_unit="ms",
        csv_order=(0, 1, 2, 3),
        csv_header=True,
        item_of_text="parent_asin",
        texts={
            "title": "title",
            "brand": "store",
            "categories": "categories",
            "description": "description",
            "features": "features",
            "main_category": "main_category",
        },
        own_fields=frozenset({"user_id", "parent_asin", "verified_purchase", "store"}),
    ),
}
# Ids as Amazon makes them: products have ten characters, customers more.
_PRODUCT = re.compile(r"B[0-9A-Z]{9}|[0-9]{9}[0-9X]")
_LOOKED_AT = 20  # lines by which a release is told

# Names above the columns of tables, as publishers and those who copy write them.
_HEADERS = (
    ("userid", "reviewerid"),
    ("parentasin", "productid", "asin", "itemid"),
    ("rating", "overall", "score"),
    ("timestamp", "unixreviewtime", "time"),
)


def check_release(lines: LineReader, version: str, argument: str) -> None:
    """Raise if a file looks like another release than the one it is said to be of.

    Parameters
    ----------
    lines : LineReader
        Reviews, ratings or products.
    version : str
        The release that the caller names.
    argument : str
        What the caller calls the file.
    """
    found = _release_of_table(lines) if holds_table(lines) else _release_of_records(lines)
    if found not in (None, version):
        raise ValueError(
            f"{argument}={str(lines.path)!r} looks like the release of {found}, but version="
            f"{version!r}; pass version={found!r}."
        )


def holds_table(lines: LineReader) -> bool:
    """Whether the file holds comma-separated ratings and not records."""
    if lines.kind == "parquet":
        return False
    return not next(iter(lines), "{").lstrip().startswith(("{", "["))


def read_ratings(lines: LineReader, version: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield user, item, rating and time of each line of a table."""
    places: Sequence[int] = VERSIONS[version].csv_order
    for number, row in enumerate(read_rows(lines, ",", quotes=True)):
        if number == 0 and (found := _places_in_header(row)) is not None:
            places = found
            continue
        if number == 0 and VERSIONS[version].csv_header:
            raise lines.fault(
                f"header user_id,parent_asin,rating,timestamp expected, got {','.join(row)[:200]}."
            )
        if len(row) <= max(places):
            raise lines.fault(f"not an event: {max(places) + 1} fields expected, got {len(row)}.")
        yield row[places[0]], row[places[1]], row[places[2]], row[places[3]]


def _places_in_header(row: Sequence[str]) -> list[int] | None:
    """Columns of user, item, rating and time; None if these are no names."""
    names = [plain_name(cell) for cell in row]
    found = [[names.index(name) for name in known if name in names] for known in _HEADERS]
    return [places[0] for places in found] if all(found) else None


def _release_of_records(lines: LineReader) -> str | None:
    """Release whose own fields the first records have; None if that is not clear."""
    fields = {name for record in islice(read_records(lines), _LOOKED_AT) for name in record}
    owners = [name for name, layout in VERSIONS.items() if layout.own_fields & fields]
    return owners[0] if len(owners) == 1 else None


def _release_of_table(lines: LineReader) -> str | None:
    """Release by the header, or by the column in which products stand; None if not clear."""
    first = list(islice(read_rows(lines, ",", quotes=True), _LOOKED_AT))
    if first and _places_in_header(first[0]) is not None:
        return "2023" if "parent_asin" in first[0] else None
    rows = [row[:2] for row in first if len(row) > 1]
    are_products = [[bool(_PRODUCT.fullmatch(cell)) for cell in row] for row in rows]
    columns = [set(column) for column in zip(*are_products, strict=True)]
    releases = {(True, False): "2018", (False, True): "2014"}
    is_clear = len(columns) == 2 and all(len(column) == 1 for column in columns)
    return releases.get((columns[0].pop(), columns[1].pop())) if is_clear else None
