"""The Yelp Open Dataset."""
# SPDX-License-Identifier: BSD-3-Clause

from datetime import UTC, datetime
from typing import Any

from sklearn.utils import Bunch

from skace._sklearn_compat import validate_params
from skace.datasets._events import EventColumns, Selection, text_id
from skace.datasets._item_texts import ItemTexts, check_columns, text_of
from skace.datasets._lines import LineReader, read_records
from skace.datasets._published import SELECTION, Source, check_file, make_bunch

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
def load_yelp(
    reviews: Any,
    businesses: Any = None,
    *,
    columns: Any = ("name", "categories", "city", "state"),
    min_rating: float | None = None,
    start: Any = None,
    end: Any = None,
    include_cold: bool = False,
) -> Bunch:
    """Load the Yelp Open Dataset from the published files.

    Parameters
    ----------
    reviews : str or path-like
        ``yelp_academic_dataset_review.json``: one JSON record per line. Gzip or not.

    businesses : str, path-like or None, default=None
        ``yelp_academic_dataset_business.json``. None: items have ids only.

    columns : str or sequence of str, default=("name", "categories", "city", "state")
        Texts to keep, out of these, "address" and "postal_code".

    min_rating : float or None, default=None
        Leave out reviews with fewer stars (1 to 5). None keeps all.

    start, end : date, datetime64, str or None, default=None
        Keep reviews from ``start`` on and before ``end``, given as dates or ISO strings.
        Papers that use "Yelp" often mean ``start="2019-01-01"``, ``end="2020-01-01"`` and
        the 5-core of it.

    include_cold : bool, default=False
        Whether businesses without a review that is kept are in the catalog too.

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
            What one may do with the data.

    Raises
    ------
    ValueError
        If a line is malformed or lacks a field (file and line are named), a file is
        damaged, a column does not exist, or no review is kept.

    FileNotFoundError
        If a file is not there.

    ImportError
        If no library for frames is installed.

    See Also
    --------
    load_amazon_reviews : Reviews of products.

    Notes
    -----
    Lines are streamed, so that the 5 GB of reviews never are in memory; an event takes 28
    bytes until the log is built.

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
    lines = LineReader(check_file(reviews, "reviews"))
    path = None if businesses is None else check_file(businesses, "businesses")
    events = EventColumns()
    events.read(lines, read_records(lines), _event_of)
    texts = ItemTexts([] if path is None else columns)
    if path is not None:
        _read_businesses(LineReader(path), texts)
    return make_bunch(_SOURCE, events, texts, selection, include_cold=include_cold)


def _event_of(record: dict[str, Any]) -> tuple[str, str, int, float]:
    """User, business, time in seconds and stars."""
    moment = datetime.fromisoformat(record["date"]).replace(tzinfo=UTC)
    user, business = text_id(record["user_id"]), text_id(record["business_id"])
    return user, business, int(moment.timestamp()), float(record["stars"])


def _read_businesses(lines: LineReader, texts: ItemTexts) -> None:
    """Fill in the texts of the businesses."""
    for record in read_records(lines):
        if not isinstance(record.get("business_id"), str):
            raise lines.fault("no field 'business_id'.")
        values = [text_of(record.get(name)) for name in texts.columns]
        texts.add(record["business_id"], values)
