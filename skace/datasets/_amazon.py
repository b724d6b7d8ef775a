"""Amazon reviews, in the layouts of 2014, 2018 and 2023."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skace._callers import caller_level
from skace._sklearn_compat import StrOptions, validate_params
from skace._typing import Ties
from skace.data import Interactions
from skace.datasets._amazon_releases import (
    CITATIONS,
    VERSIONS,
    Version,
    check_release,
    holds_table,
    read_ratings,
)
from skace.datasets.reading._fields import stars, text_id, whole
from skace.datasets.reading._item_texts import check_columns
from skace.datasets.reading._lines import LineReader, check_files
from skace.datasets.reading._plain_text import text_of
from skace.datasets.reading._published import (
    SELECTION,
    EventFiles,
    ItemFiles,
    Source,
    load_published,
)
from skace.datasets.reading._records import read_records
from skace.datasets.reading._selection import Selection

__all__ = ["load_amazon_reviews"]

_ABOUT = (
    "Reviews of products on amazon.com, collected by the group of J. McAuley. The times of 2014 "
    "and 2018 are days, so that many events of one customer tie; they keep the order of the file."
)
_FIRST_YEAR = np.datetime64("1995")


@validate_params(
    {"version": [StrOptions(set(VERSIONS))], **SELECTION},
    prefer_skip_nested_validation=True,
)
def load_amazon_reviews(  # noqa: PLR0913 - what loaders share
    reviews: Any,
    metadata: Any = None,
    *,
    version: str = "2014",
    columns: Any = ("title", "brand", "categories"),
    min_rating: float | None = None,
    start: Any = None,
    end: Any = None,
    include_cold: bool = False,
    ties: Ties = "keep",
    random_state: Any = None,
) -> Bunch:
    r"""Load the reviews of one Amazon category from the published files.

    Parameters
    ----------
    reviews : str, path-like or list of these
        Reviews, one record per line, such as ``reviews_Beauty_5.json.gz`` (2014),
        ``Luxury_Beauty_5.json.gz`` (2018) or ``All_Beauty.jsonl.gz`` (2023), or ratings only, such
        as ``ratings_Beauty.csv``; plain, packed (gzip, bzip2, xz, zstd, a zip or tar archive of one
        file), as an array of records, or as parquet. The format is detected from the first bytes of
        a file, not from its name. A list: the parts of one log, such as ``All_Beauty.train.csv``,
        ``All_Beauty.valid.csv`` and ``All_Beauty.test.csv`` of 2023.

    metadata : str, path-like, list of these or None, default=None
        Descriptions of the products, such as ``meta_Beauty.json.gz`` or
        ``meta_All_Beauty.jsonl.gz``. None: items have ids only.

    version : {"2014", "2018", "2023"}, default="2014"
        Release, which decides the names of fields and the order of columns. In the release of 2023
        an item is a parent product (``parent_asin``), with all its colours and sizes.

    columns : str, sequence of str or None, default=("title", "brand", "categories")
        Texts to keep: "title", "brand", "categories" and "description", since 2018 also "features"
        and "main_category". None: ids only. The levels of a category path are joined by " > ",
        several paths by " | ". In 2023 the brand is the store. HTML tags and entities are removed.

    min_rating : float or None, default=None
        Leave out ratings below this one (1 to 5). None keeps all.

    start, end : date, datetime64, str or None, default=None
        Keep events from ``start`` on and before ``end`` (UTC), given as dates or ISO
        strings.

    include_cold : bool, default=False
        Whether products without a review in the file are in the catalog too. The metadata
        of 2014 describes twenty times as many products as the 5-core reviews mention.

    ties : {"keep", "shuffle"} or callable, default="keep"
        Order of the events of one user at one moment: that of the file, random, or by a key, as in
        `Interactions`.

    random_state : int, RandomState, Generator or None, default=None
        Source of the random order.

    Returns
    -------
    bunch : Bunch
        With the entries

        interactions : Interactions
            One row per review, with timestamps. The catalog's features are the texts.
        items : dataframe
            Access it as ``bunch["items"]``, because ``bunch.items`` is a method of dict. It has
            ``item_id`` and the columns, and one row per item of the catalog, in pandas, polars or
            pyarrow, the first of these that is installed. Missing texts are empty strings.
        ratings : ndarray of shape (n_rows,)
            Stars of each row of ``interactions``.
        parts : ndarray of shape (n_rows,)
            Only if ``reviews`` is a list of several: the index of the part that each
            row comes from, so ``X[bunch.parts == 0]`` are the rows of the first part.
        DESCR : str
            Description with counts.
        licence : str
            Known terms of use, and what to cite.

    Raises
    ------
    ValueError
        If a line is malformed or lacks a field (file and line are named), a file is
        damaged, a column is not in the release, a file looks like another release than
        ``version``, no product of the reviews is described, or no review is kept.

    FileNotFoundError
        If a file does not exist.

    ImportError
        If no library for frames is installed.

    See Also
    --------
    fetch_amazon_reviews : Download first.

    Notes
    -----
    Lines are streamed; an event takes 20 bytes until the log is built, and each id is stored once.
    The metadata of 2014 are Python literals, not JSON; they are parsed without being executed.
    Repeated reviews are kept, with a warning; ``bunch.interactions.drop_duplicates()`` removes
    them. For rows ``X`` made from ``bunch.interactions`` (slices, `k_core`, `drop_duplicates`), the
    ratings are ``bunch.ratings[X.source_rows]``.

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
    review_files = check_files(reviews, "reviews")
    product_files = [] if metadata is None else check_files(metadata, "metadata")
    for lines in review_files:
        check_release(lines, version, "reviews")
    for lines in product_files:
        check_release(lines, version, "metadata")
    source = Source(
        f"Amazon reviews {version}",
        _ABOUT,
        "Licence: published for research without a formal licence; do not redistribute. Cite "
        f"{CITATIONS[version]}.",
    )
    events = EventFiles(
        review_files, lambda lines: _rows(lines, version), _event_of(layout), layout.time_unit
    )
    needed = [layout.item, *(layout.texts[name] for name in columns)]
    products = ItemFiles(
        product_files,
        lambda lines: read_records(lines, needed),
        _product_of(layout, columns),
        columns,
        "a product",
    )
    bunch = load_published(
        source,
        events,
        products,
        selection,
        include_cold=include_cold,
        ties=ties,
        random_state=random_state,
    )
    _warn_of_early_times(bunch.interactions, layout)
    return bunch


def _warn_of_early_times(X: Interactions, layout: Version) -> None:
    """Warn of times before there were reviews, which are seconds read as milliseconds."""
    times = X.timestamps
    if layout.time_unit == "ms" and times is not None and times.max() < _FIRST_YEAR:
        warnings.warn(
            f"the last event is of {times.max()}, before there were reviews; its time looks like "
            "seconds, where the release of 2023 has milliseconds. If the file is of an earlier "
            "release, pass version='2014' or version='2018'; else multiply its times by 1000.",
            UserWarning,
            stacklevel=caller_level(),
        )


def _rows(lines: LineReader, version: str) -> Iterable[Any]:
    """Events of a file: tuples out of a table, else records."""
    if holds_table(lines):
        return read_ratings(lines, version)
    layout = VERSIONS[version]
    return read_records(lines, (layout.user, layout.item, layout.rating, layout.time))


def _event_of(layout: Version) -> Callable[[Any], tuple[str, str, int, float]]:
    """Function from a row of `_rows` to user, item, time and stars."""
    names = (layout.user, layout.item, layout.rating, layout.time)

    def parse(row: Any) -> tuple[str, str, int, float]:
        user, item, rating, time = row if isinstance(row, tuple) else map(row.__getitem__, names)
        return text_id(user), text_id(item), whole(time), stars(rating)

    return parse


def _product_of(
    layout: Version, columns: Iterable[str]
) -> Callable[[dict[str, Any]], tuple[Hashable, list[str]]]:
    """Function from a record to the id and the texts of a product."""
    fields = [(layout.texts[name], " > " if name == "categories" else " ") for name in columns]

    def parse(record: dict[str, Any]) -> tuple[Hashable, list[str]]:
        texts = [text_of(record.get(field), joint=joint) for field, joint in fields]
        return text_id(record[layout.item]), texts

    return parse
