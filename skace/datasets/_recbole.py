"""Atomic files, in which RecBole keeps data sets."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sklearn.utils import Bunch

from skace._sklearn_compat import StrOptions, validate_params
from skace._typing import Ties
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
from skace.datasets.reading._selection import Selection
from skace.datasets.reading._tables import read_rows

__all__ = ["load_recbole"]

_TEXTS = ("token", "token_seq")
_TYPES = (*_TEXTS, "float", "float_seq")


@validate_params(
    {
        "user": [str],
        "item": [str],
        "rating": [str, None],
        "timestamp": [str, None],
        "time_unit": [StrOptions({"s", "ms"})],
        **SELECTION,
    },
    prefer_skip_nested_validation=True,
)
def load_recbole(  # noqa: PLR0913 - names of four fields, and what loaders share
    interactions: Any,
    items: Any = None,
    *,
    columns: Any = "all",
    user: str = "user_id",
    item: str = "item_id",
    rating: str | None = "rating",
    timestamp: str | None = "timestamp",
    time_unit: str = "s",
    min_rating: float | None = None,
    start: Any = None,
    end: Any = None,
    include_cold: bool = False,
    ties: Ties = "keep",
    random_state: Any = None,
) -> Bunch:
    r"""Load a data set from the atomic files of RecBole.

    Parameters
    ----------
    interactions : str, path-like or list of these
        The ``.inter`` file: tab-separated, with fields such as ``user_id:token`` in the first
        line; plain or packed. A list: the parts of one log, such as ``x.train.inter``,
        ``x.valid.inter`` and ``x.test.inter``.

    items : str, path-like, list of these or None, default=None
        The ``.item`` file. None: items have ids only.

    columns : "all", str, sequence of str or None, default="all"
        Fields of the ``.item`` file to keep as texts, without their types. "all": those of type
        token or token_seq, except the id. None: ids only.

    user, item : str, default="user_id", "item_id"
        Names of the fields of ids, such as ``user="session_id"``.

    rating, timestamp : str or None, default="rating", "timestamp"
        Names of these fields. None: not read. A file may lack them: without ``rating`` there are no
        ratings, and events without times are in the order of the file.

    time_unit : {"s", "ms"}, default="s"
        Unit of the times since 1970.

    min_rating : float or None, default=None
        Leave out events with a lower rating. None keeps all.

    start, end : date, datetime64, str or None, default=None
        Keep events from ``start`` on and before ``end`` (UTC), given as dates or ISO strings.

    include_cold : bool, default=False
        Whether the catalog also has items without a kept event.

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
            One row per event. The catalog's features are the texts. Ids are integers if all
            of them are whole numbers, else strings.
        items : dataframe
            Access it as ``bunch["items"]``, because ``bunch.items`` is a method of dict. It has
            ``item_id`` and the columns, and one row per item of the catalog, in pandas, polars or
            pyarrow, the first of these that is installed. Missing texts are empty strings.
        ratings : ndarray of shape (n_rows,)
            Only if the file has them: the rating of each row of ``interactions``.
        parts : ndarray of shape (n_rows,)
            Only if ``interactions`` is a list of several: the index of the part that each row comes
            from.
        DESCR : str
            Description with counts.
        licence : str
            Says that the licence is that of the data set.

    Raises
    ------
    ValueError
        If a line is malformed (file and line are named), a field is missing, the file holds samples
        cut from a log (``item_id_list``), no item of the events is described, or no event is kept.

    FileNotFoundError
        If a file does not exist.

    ImportError
        If no library for frames is installed.

    See Also
    --------
    load_movielens : The published files of MovieLens, with whole titles.

    Notes
    -----
    For rows ``X`` made from ``bunch.interactions`` (slices, `k_core`), the ratings are
    ``bunch.ratings[X.source_rows]``.

    Stability: provisional.

    References
    ----------
    W. X. Zhao et al. (2021), RecBole: towards a unified, comprehensive and efficient framework
    for recommendation algorithms, CIKM.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skace.datasets import load_recbole
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     inter, item = Path(folder, "x.inter"), Path(folder, "x.item")
    ...     _ = inter.write_text("user_id:token\titem_id:token\ttimestamp:float\n7\t3\t1.5\n")
    ...     _ = item.write_text("item_id:token\ttitle:token_seq\n3\tToy Story\n")
    ...     bunch = load_recbole(inter, item)
    >>> bunch["items"]["title"].to_list()
    ['Toy Story']
    """
    selection = Selection(min_rating, start, end)
    files = check_files(interactions, "interactions")
    names = _names_of_events(files, (user, item, timestamp, rating))
    _refuse_absent(selection, names, files[0])
    events = EventFiles(
        files,
        lambda lines: _read_fields(lines, names),
        _event_of(names, 1_000_000 if time_unit == "s" else 1),
        _unit(names, time_unit),
        reads_numbers=True,
    )
    item_files = [] if items is None else check_files(items, "items")
    kept = _columns_of(item_files, columns, item)
    described = ItemFiles(
        item_files,
        lambda lines: _read_fields(lines, [item, *kept]),
        lambda row: (text_id(row[0]), [text_of(text) for text in row[1:]]),
        kept,
    )
    source = Source(
        f"Atomic files {files[0].path.name}",
        "A log in the files of RecBole.",
        "Licence: that of the data set from which the files were made.",
        has_ratings=names[3] is not None,
    )
    return load_published(
        source,
        events,
        described,
        selection,
        include_cold=include_cold,
        ties=ties,
        random_state=random_state,
    )


def _header(lines: LineReader) -> dict[str, str]:
    """Types of the fields by name, in their order."""
    found = {}
    for field in next(read_rows(lines, "\t"), []):
        name, _, kind = field.strip().rpartition(":")
        if not name or kind not in _TYPES:
            raise lines.fault(
                f"a header of names with types expected, as in 'user_id:token', got {field[:50]!r}."
            )
        found[name] = kind
    return found


def _names_of_events(files: Sequence[LineReader], asked: Sequence[str | None]) -> list[str | None]:
    """Names of the fields of user, item, time and rating; None for one that is not there."""
    header = _header(files[0])
    if "item_id_list" in header:
        raise files[0].fault(
            "the field item_id_list: these are samples that were cut from a log; give the .inter "
            "file of the log."
        )
    for name in asked[:2]:
        if name not in header:
            raise files[0].fault(
                f"no field {name!r} among {', '.join(header)}; name the one that is meant with "
                "user= or item=."
            )
    return [name if name in header else None for name in asked]


def _refuse_absent(selection: Selection, names: Sequence[str | None], lines: LineReader) -> None:
    """Raise if events are to be chosen by what they do not have."""
    if names[3] is None and selection.min_rating is not None:
        raise ValueError(f"min_rating is given, but {lines.name} has no field of ratings.")
    if names[2] is None and (selection.start is not None or selection.end is not None):
        raise ValueError(f"start or end is given, but {lines.name} has no field of times.")


def _columns_of(files: Sequence[LineReader], columns: Any, item: str) -> list[str]:
    """Names of the text fields that are kept."""
    if not files or columns is None:
        return []
    header = _header(files[0])
    if item not in header:
        raise files[0].fault(f"no field {item!r} among {', '.join(header)}.")
    if isinstance(columns, str) and columns == "all":
        return [name for name, kind in header.items() if kind in _TEXTS and name != item]
    return check_columns(columns, [name for name in header if name != item])


def _read_fields(lines: LineReader, names: Sequence[str | None]) -> Iterator[list[str]]:
    """The named fields of each line below the header; an empty text for None."""
    header = list(_header(lines))
    absent = [name for name in names if name is not None and name not in header]
    if absent:
        raise lines.fault(f"no field {absent[0]!r}, which the first file has.")
    places = [None if name is None else header.index(name) for name in names]
    for number, row in enumerate(read_rows(lines, "\t")):
        if number == 0:
            continue
        if len(row) != len(header):
            raise lines.fault(f"{len(header)} fields expected, got {len(row)}.")
        yield ["" if place is None else row[place] for place in places]


def _unit(names: Sequence[str | None], time_unit: str) -> str | None:
    """Unit of the numbers that stand for times."""
    if names[2] is None:
        return None
    return "us" if time_unit == "s" else "ms"


def _event_of(
    names: Sequence[str | None], factor: int
) -> Callable[[list[str]], tuple[str, str, int, float]]:
    """Function from fields to user, item, time and rating."""

    def parse(row: list[str]) -> tuple[str, str, int, float]:
        user, item, time, rating = row
        moment = 0 if names[2] is None else _moment(time, factor)
        return text_id(user), text_id(item), moment, stars(rating) if names[3] else 0.0

    return parse


def _moment(text: str, factor: int) -> int:
    """A time in parts of its unit; exact where it is a whole number."""
    try:
        return whole(text) * factor
    except ValueError:
        return round(float(text) * factor)
