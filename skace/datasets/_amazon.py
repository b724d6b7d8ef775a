"""Amazon reviews, in the layouts of 2014, 2018 and 2023."""
# SPDX-License-Identifier: BSD-3-Clause

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sklearn.utils import Bunch

from skace._sklearn_compat import StrOptions, validate_params
from skace.datasets._events import EventColumns, Selection, text_id
from skace.datasets._item_texts import ItemTexts, check_columns, text_of
from skace.datasets._lines import LineReader, read_records
from skace.datasets._published import SELECTION, Source, check_file, make_bunch

__all__ = ["VERSIONS", "load_amazon_reviews"]

_ABOUT = (
    "Reviews of products on amazon.com, collected by the group of J. McAuley. The times of 2014 "
    "and 2018 are days, so that many events of one customer tie; they keep the order of the file."
)
_CITATIONS = {
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
class _Version:
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
    "2014": _Version(
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
    "2018": _Version(
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
    "2023": _Version(
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


@validate_params(
    {"version": [StrOptions(set(VERSIONS))], **SELECTION},
    prefer_skip_nested_validation=True,
)
def load_amazon_reviews(
    reviews: Any,
    metadata: Any = None,
    *,
    version: str = "2014",
    columns: Any = ("title", "brand", "categories"),
    min_rating: float | None = None,
    start: Any = None,
    end: Any = None,
    include_cold: bool = False,
) -> Bunch:
    r"""Load the reviews of one Amazon category from the published files.

    Parameters
    ----------
    reviews : str or path-like
        Reviews, one record per line, such as ``reviews_Beauty_5.json.gz`` (2014),
        ``Luxury_Beauty_5.json.gz`` (2018) or ``All_Beauty.jsonl.gz`` (2023), or ratings
        only, such as ``ratings_Beauty.csv``. Gzip or not.

    metadata : str, path-like or None, default=None
        What the products are, such as ``meta_Beauty.json.gz`` or
        ``meta_All_Beauty.jsonl.gz``. None: items have ids only.

    version : {"2014", "2018", "2023"}, default="2014"
        Release, which decides names of fields and the order of columns. In the one of 2023
        an item is a parent product (``parent_asin``), all its colours and sizes together.

    columns : str or sequence of str, default=("title", "brand", "categories")
        Texts to keep, out of "title", "brand", "categories" and "description", since 2018
        also "features" and "main_category". The levels of a category path are joined by
        " > ", several paths by " | ". The brand of 2023 is the store.

    min_rating : float or None, default=None
        Leave out ratings below this one (1 to 5). None keeps all.

    start, end : date, datetime64, str or None, default=None
        Keep events from ``start`` on and before ``end`` (UTC), given as dates or ISO
        strings.

    include_cold : bool, default=False
        Whether products without a review in the file are in the catalog too. The metadata
        of 2014 describes twenty times as many products as the 5-core reviews mention.

    Returns
    -------
    bunch : Bunch
        With the entries

        interactions : Interactions
            One row per review, with timestamps. The catalog's features are the texts.
        items : dataframe
            To be written ``bunch["items"]``: ``bunch.items`` is the method of every dict.
            ``item_id`` and the columns, one row per item of the catalog, in pandas, polars
            or pyarrow, the first of these that is installed. A missing text is the empty
            string.
        ratings : ndarray of shape (n_rows,)
            Stars of each row of ``interactions``.
        DESCR : str
            Description with counts.
        licence : str
            What is known of the terms, and what to cite.

    Raises
    ------
    ValueError
        If a line is malformed or lacks a field (file and line are named), a file is
        damaged, a column is not in the release, a file looks like another release than
        ``version``, no product of the reviews is described, or no review is kept.

    FileNotFoundError
        If a file is not there.

    ImportError
        If no library for frames is installed.

    See Also
    --------
    fetch_amazon_reviews : Download first.

    Notes
    -----
    Lines are streamed; an event takes 28 bytes until the log is built. The metadata of 2014
    are Python literals, not JSON; they are parsed without being executed. Repeated reviews
    stay, with a warning; ``bunch.interactions.drop_duplicates()`` leaves them out. Of any
    rows that are made of ``interactions``, also by `k_core`, the ratings are
    ``bunch.ratings[X.source_rows]``.

    Stability: provisional.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skace.datasets import load_amazon_reviews
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ratings, meta = Path(folder, "ratings.csv"), Path(folder, "meta.json")
    ...     _ = ratings.write_text("A1,B07,5.0,1369699200\nA1,B09,3.0,1355443200\n")
    ...     _ = meta.write_text("{'asin': 'B07', 'title': 'Lipstick', 'brand': \"Burt's\"}\n")
    ...     bunch = load_amazon_reviews(ratings, meta, version="2014")
    >>> bunch.interactions
    Interactions(2 rows of 1 users over 2 items, 2012-12-14T00:00:00 to 2013-05-28T00:00:00)
    >>> bunch["items"]["title"].to_list()
    ['Lipstick', '']
    """
    layout = VERSIONS[version]
    columns = check_columns(columns, layout.texts)
    selection = Selection(min_rating, start, end)
    path = check_file(reviews, "reviews")
    texts = ItemTexts(columns if metadata is not None else [])
    meta_path = None if metadata is None else check_file(metadata, "metadata")
    events = EventColumns(layout.time_unit)
    lines = LineReader(path)
    _check_release(path, version, "reviews")
    if _is_table(path):
        events.read(lines, _table_rows(lines, layout), _event_of_row(layout))
    else:
        events.read(lines, read_records(lines), _event_of_record(layout))
    if meta_path is not None:
        _check_release(meta_path, version, "metadata")
        _read_metadata(LineReader(meta_path), layout, texts)
    source = Source(
        f"Amazon reviews {version}",
        _ABOUT,
        "Licence: published for research without a formal licence; do not redistribute. Cite "
        f"{_CITATIONS[version]}.",
    )
    return make_bunch(source, events, texts, selection, include_cold=include_cold)


def _check_release(path: Any, version: str, argument: str) -> None:
    """Raise if a file looks like another release than the one it is said to be of."""
    lines = LineReader(path)
    if _is_table(path):
        found = None if VERSIONS[version].csv_header else _release_of_table(lines)
    else:
        found = _release_of_records(lines)
    if found not in (None, version):
        raise ValueError(
            f"{argument}={str(path)!r} looks like the release of {found}, but version="
            f"{version!r}; pass version={found!r}."
        )


def _release_of_records(lines: LineReader) -> str | None:
    """Release whose own fields the first records have; None if that is not clear."""
    fields = {name for record in islice(read_records(lines), _LOOKED_AT) for name in record}
    owners = [name for name, layout in VERSIONS.items() if layout.own_fields & fields]
    return owners[0] if len(owners) == 1 else None


def _release_of_table(lines: LineReader) -> str | None:
    """Release by the column in which products stand; None if that is not clear."""
    rows = [row[:2] for row in islice(csv.reader(lines), _LOOKED_AT) if len(row) > 1]
    are_products = [[bool(_PRODUCT.fullmatch(cell)) for cell in row] for row in rows]
    columns = [set(column) for column in zip(*are_products, strict=True)]
    releases = {(True, False): "2018", (False, True): "2014"}
    is_clear = len(columns) == 2 and all(len(column) == 1 for column in columns)
    return releases.get((columns[0].pop(), columns[1].pop())) if is_clear else None


def _is_table(path: Any) -> bool:
    """Whether the file holds comma-separated ratings and not records."""
    first = next(iter(LineReader(path)), "")
    return not first.lstrip().startswith("{")


def _table_rows(lines: LineReader, layout: _Version) -> Iterator[list[str]]:
    """Fields of each line, without the header."""
    rows = csv.reader(lines)
    if layout.csv_header:
        header = next(rows, [])
        if header[:4] != [layout.user, layout.item, layout.rating, layout.time]:
            raise lines.fault(
                f"header {layout.user},{layout.item},{layout.rating},{layout.time} expected, got "
                f"{','.join(header)}."
            )
    yield from rows


def _event_of_row(layout: _Version) -> Callable[[list[str]], tuple[Any, ...]]:
    """Function that turns fields into user, item, time and rating."""
    user, item, rating, time = layout.csv_order

    def parse(row: list[str]) -> tuple[Any, ...]:
        return text_id(row[user]), text_id(row[item]), int(row[time]), float(row[rating])

    return parse


def _event_of_record(layout: _Version) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """Function that turns a record into user, item, time and rating."""
    user, item, rating, time = layout.user, layout.item, layout.rating, layout.time

    def parse(record: dict[str, Any]) -> tuple[Any, ...]:
        return (
            text_id(record[user]),
            text_id(record[item]),
            int(record[time]),
            float(record[rating]),
        )

    return parse


def _read_metadata(lines: LineReader, layout: _Version, texts: ItemTexts) -> None:
    """Fill in the texts of the products."""
    for record in read_records(lines):
        try:
            item = text_id(record[layout.item_of_text])
        except KeyError as error:
            raise lines.fault(f"no field {error.args[0]!r}.") from error
        except ValueError as error:
            raise lines.fault(f"not a product: {error}.") from error
        texts.add(item, [_product_text(record, layout, name) for name in texts.columns])


def _product_text(record: dict[str, Any], layout: _Version, name: str) -> str:
    """Text of one column of one product."""
    value = record.get(layout.texts[name])
    if name == "categories":
        return text_of(value, joint=" > ")
    return text_of(value, joint=" ")
