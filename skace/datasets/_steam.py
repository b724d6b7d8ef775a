"""Reviews of games on Steam."""
# SPDX-License-Identifier: BSD-3-Clause

from datetime import date
from typing import Any

from sklearn.utils import Bunch

from skace._sklearn_compat import validate_params
from skace._typing import Ties
from skace.datasets.reading._fields import text_id
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
    ties: Ties = "keep",
    random_state: Any = None,
) -> Bunch:
    """Load the Steam reviews that came with SASRec from the published files.

    Parameters
    ----------
    reviews : str, path-like or list of these
        ``steam_reviews.json.gz``: one Python literal per line; plain, packed (gzip, bzip2,
        xz, zstd, a zip or tar archive of one file) or as parquet. A list: the parts of one log.

    games : str, path-like, list of these or None, default=None
        ``steam_games.json.gz``. None: items have ids only.

    columns : str, sequence of str or None, default=("title", "genres", "tags", "developer")
        Texts to keep, some of these, "specs" and "publisher". None: ids only.

    start, end : date, datetime64, str or None, default=None
        Keep reviews from ``start`` on and before ``end``, given as dates or ISO strings.

    include_cold : bool, default=False
        Whether the catalog also has games without a kept review.

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
            One row per review, with timestamps. The id of a user is the name; the id of a game is
            the number in its address, as a string. The catalog's features are the texts.
        items : dataframe
            Access it as ``bunch["items"]``, because ``bunch.items`` is a method of dict. It has
            ``item_id`` and the columns, and one row per item of the catalog, in pandas, polars or
            pyarrow, the first of these that is installed. Missing texts are empty strings.
        parts : ndarray of shape (n_rows,)
            Only if ``reviews`` is a list of several: the index of the part that each
            row comes from.
        DESCR : str
            Description with counts.
        licence : str
            Known terms of use, and what to cite.

    Raises
    ------
    ValueError
        If a line is malformed or lacks a field (file and line are named), a file is
        damaged, a column does not exist, no game of the reviews is described, or no review
        is kept.

    FileNotFoundError
        If a file does not exist.

    ImportError
        If no library for frames is installed.

    See Also
    --------
    fetch_steam : Download first.

    Notes
    -----
    Lines are streamed; an event takes 20 bytes until the log is built. The lines are
    Python literals, not JSON; they are parsed without being executed, at about twenty
    thousand reviews per second. Several reviews of a game by one player are kept.

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
    events = EventFiles(
        check_files(reviews, "reviews"),
        lambda lines: read_records(lines, ("username", "product_id", "date")),
        _event_of,
    )
    needed = ["id", *(FIELDS[name] for name in columns)]
    described = ItemFiles(
        [] if games is None else check_files(games, "games"),
        lambda lines: read_records(lines, needed),
        lambda record: _game_of(record, columns),
        columns,
        "a game",
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


def _event_of(record: dict[str, Any]) -> tuple[str, str, int]:
    """Player, game and time in seconds."""
    days = date.fromisoformat(record["date"]).toordinal() - _FIRST_DAY
    return text_id(record["username"]), text_id(record["product_id"]), 86_400 * days


def _game_of(record: dict[str, Any], columns: list[str]) -> tuple[str, list[str]] | None:
    """Id and texts of a game; some entries of the published file have no id."""
    if record.get("id") is None:
        return None
    texts = [text_of(record.get(FIELDS[name])) for name in columns]
    return text_id(str(record["id"])), texts
