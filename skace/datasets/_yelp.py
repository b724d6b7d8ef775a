"""The Yelp Open Dataset."""
# SPDX-License-Identifier: BSD-3-Clause

from datetime import datetime
from typing import Any

from sklearn.utils import Bunch

from skace._sklearn_compat import validate_params
from skace._typing import Ties
from skace.datasets.reading._fields import in_ms, stars, text_id
from skace.datasets.reading._item_texts import check_columns
from skace.datasets.reading._lines import check_files
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

__all__ = ["load_yelp"]

_SOURCE = Source(
    title="Yelp Open Dataset",
    about=(
        "Reviews of local businesses, published by Yelp. A visitor can review a business more "
        "than once. Times are in the local time of Yelp and are taken as UTC."
    ),
    licence=(
        "Licence: the Yelp Dataset Terms of Use, which allow academic use, forbid "
        "redistribution, and have to be accepted on Yelp's page before a download; hence there "
        "is no function that fetches the files."
    ),
)

_COLUMNS = ("name", "categories", "city", "state", "address", "postal_code")


@validate_params(SELECTION, prefer_skip_nested_validation=True)
def load_yelp(  # noqa: PLR0913 - what loaders share
    reviews: Any,
    businesses: Any = None,
    *,
    columns: Any = ("name", "categories", "city", "state"),
    min_rating: float | None = None,
    start: Any = None,
    end: Any = None,
    include_cold: bool = False,
    ties: Ties = "keep",
    random_state: Any = None,
) -> Bunch:
    """Load the Yelp Open Dataset from the published files.

    Parameters
    ----------
    reviews : str, path-like or list of these
        ``yelp_academic_dataset_review.json``: one JSON record per line; plain, packed (gzip,
        bzip2, xz, zstd, a zip or tar archive of one file) or as parquet. A list: the parts of
        one log.

    businesses : str, path-like, list of these or None, default=None
        ``yelp_academic_dataset_business.json``. None: items have ids only.

    columns : str, sequence of str or None, default=("name", "categories", "city", "state")
        Texts to keep, some of these, "address" and "postal_code". None: ids only.

    min_rating : float or None, default=None
        Leave out reviews with fewer stars (1 to 5). None keeps all.

    start, end : date, datetime64, str or None, default=None
        Keep reviews from ``start`` on and before ``end``, given as dates or ISO strings. "Yelp" in
        papers often means ``start="2019-01-01"``, ``end="2020-01-01"`` and the 5-core of that.

    include_cold : bool, default=False
        Whether the catalog also has businesses without a kept review.

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
            row comes from.
        DESCR : str
            Description with counts.
        licence : str
            Terms of use.

    Raises
    ------
    ValueError
        If a line is malformed or lacks a field (file and line are named), a file is
        damaged, a column does not exist, no business of the reviews is described, or no
        review is kept.

    FileNotFoundError
        If a file does not exist.

    ImportError
        If no library for frames is installed.

    See Also
    --------
    load_amazon_reviews : Reviews of products.

    Notes
    -----
    Lines are streamed, so the 5 GB of reviews are never in memory; an event takes 20 bytes until
    the log is built. For rows ``X`` made from ``bunch.interactions`` (slices, `k_core`), the
    ratings are ``bunch.ratings[X.source_rows]``.

    Stability: provisional.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from skace.datasets import load_yelp
    >>> review = {"user_id": "u1", "business_id": "b1", "stars": 4, "date": "2019-07-07 22:09:11"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "yelp_academic_dataset_review.json")
    ...     _ = path.write_text(json.dumps(review))
    ...     bunch = load_yelp(path)
    >>> bunch.interactions.timestamps
    array(['2019-07-07T22:09:11'], dtype='datetime64[s]')
    """
    columns = check_columns(columns, _COLUMNS)
    selection = Selection(min_rating, start, end)
    events = EventFiles(
        check_files(reviews, "reviews"),
        lambda lines: read_records(lines, ("user_id", "business_id", "stars", "date")),
        _event_of,
    )
    described = ItemFiles(
        [] if businesses is None else check_files(businesses, "businesses"),
        lambda lines: read_records(lines, ("business_id", *columns)),
        lambda record: (
            text_id(record["business_id"]),
            [text_of(record.get(name)) for name in columns],
        ),
        columns,
        "a business",
    )
    return load_published(
        _SOURCE,
        events,
        described,
        selection,
        include_cold=include_cold,
        ties=ties,
        random_state=random_state,
    )


def _event_of(record: dict[str, Any]) -> tuple[str, str, int, float]:
    """User, business, time in seconds and stars."""
    date = record["date"]
    moment = date if isinstance(date, datetime) else datetime.fromisoformat(date)
    user, business = text_id(record["user_id"]), text_id(record["business_id"])
    return user, business, in_ms(moment) // 1000, stars(record["stars"])
