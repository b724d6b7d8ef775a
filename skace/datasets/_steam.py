"""Reviews of games on Steam."""
# SPDX-License-Identifier: BSD-3-Clause

from datetime import date
from typing import Any

from sklearn.utils import Bunch

from skace._sklearn_compat import validate_params
from skace.datasets._events import EventColumns, Selection, text_id
from skace.datasets._item_texts import ItemTexts, check_columns, text_of
from skace.datasets._lines import LineReader, read_records
from skace.datasets._published import SELECTION, Source, check_file, make_bunch

__all__ = ["FIELDS", "load_steam"]

_SOURCE = Source(
    title="Steam reviews",
    about=(
        "Reviews of games on Steam, collected by W.-C. Kang and J. McAuley. Times are days, so "
        "that many events of one player tie; they keep the order of the file."
    ),
    licence=(
        "Licence: published for research without a formal licence; do not redistribute. Cite "
        "W.-C. Kang and J. McAuley (2018), Self-attentive sequential recommendation, ICDM."
    ),
    has_ratings=False,
)

FIELDS = {
    "title": "app_name",
    "genres": "genres",
    "tags": "tags",
    "specs": "specs",
    "developer": "developer",
    "publisher": "publisher",
}
_FIRST_DAY = date(1970, 1, 1).toordinal()


@validate_params({"include_cold": SELECTION["include_cold"]}, prefer_skip_nested_validation=True)
def load_steam(
    reviews: Any,
    games: Any = None,
    *,
    columns: Any = ("title", "genres", "tags", "developer"),
    start: Any = None,
    end: Any = None,
    include_cold: bool = False,
) -> Bunch:
    """Load the Steam reviews that came with SASRec from the published files.

    Parameters
    ----------
    reviews : str or path-like
        ``steam_reviews.json.gz``: one Python literal per line. Gzip or not.

    games : str, path-like or None, default=None
        ``steam_games.json.gz``. None: items have ids only.

    columns : str or sequence of str, default=("title", "genres", "tags", "developer")
        Texts to keep, out of these, "specs" and "publisher".

    start, end : date, datetime64, str or None, default=None
        Keep reviews from ``start`` on and before ``end``, given as dates or ISO strings.

    include_cold : bool, default=False
        Whether games without a review that is kept are in the catalog too.

    Returns
    -------
    bunch : Bunch
        With the entries

        interactions : Interactions
            One row per review, with timestamps. Users are known by their names, games by
            the number in their address, as a string. The catalog's features are the texts.
        items : dataframe
            To be written ``bunch["items"]``: ``bunch.items`` is the method of every dict.
            ``item_id`` and the columns, one row per item of the catalog, in pandas, polars
            or pyarrow, the first of these that is installed. A missing text is the empty
            string.
        DESCR : str
            Description with counts.
        licence : str
            What is known of the terms, and what to cite.

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
    fetch_steam : Download first.

    Notes
    -----
    Lines are streamed; an event takes 28 bytes until the log is built. The lines are
    Python literals, not JSON; they are parsed without being executed, at about twenty
    thousand reviews per second. Several reviews of a game by one player stay.

    Stability: provisional.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skace.datasets import load_steam
    >>> review = {"username": "al", "product_id": "70", "date": "2018-01-05"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "steam_reviews.json")
    ...     _ = path.write_text(repr(review))
    ...     bunch = load_steam(path)
    >>> bunch.interactions.items
    array(['70'], dtype='<U2')
    """
    columns = check_columns(columns, FIELDS)
    selection = Selection(start=start, end=end)
    lines = LineReader(check_file(reviews, "reviews"))
    path = None if games is None else check_file(games, "games")
    events = EventColumns()
    events.read(lines, read_records(lines), _event_of)
    texts = ItemTexts([] if path is None else columns)
    if path is not None:
        _read_games(LineReader(path), texts)
    return make_bunch(_SOURCE, events, texts, selection, include_cold=include_cold)


def _event_of(record: dict[str, Any]) -> tuple[str, str, int]:
    """Player, game and time in seconds."""
    days = date.fromisoformat(record["date"]).toordinal() - _FIRST_DAY
    return text_id(record["username"]), text_id(record["product_id"]), 86_400 * days


def _read_games(lines: LineReader, texts: ItemTexts) -> None:
    """Fill in the texts of the games."""
    for record in read_records(lines):
        # Some entries of the published file have no id: no review can refer to them.
        if "id" in record:
            values = [text_of(record.get(FIELDS[name])) for name in texts.columns]
            texts.add(str(record["id"]), values)
