"""MovieLens, in each of the layouts in which GroupLens publishes it."""
# SPDX-License-Identifier: BSD-3-Clause

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sklearn.utils import Bunch

from skace._sklearn_compat import validate_params
from skace._typing import Ties
from skace.datasets.reading._containers import kind_of
from skace.datasets.reading._fields import stars, whole
from skace.datasets.reading._item_texts import check_columns
from skace.datasets.reading._lines import LineReader
from skace.datasets.reading._plain_text import text_of
from skace.datasets.reading._published import (
    SELECTION,
    EventFiles,
    ItemFiles,
    Source,
    load_published,
)
from skace.datasets.reading._selection import Selection
from skace.datasets.reading._tables import read_named_rows, read_rows

__all__ = ["COLUMNS", "load_movielens"]

COLUMNS = ("title", "genres")

_SOURCE = Source(
    title="MovieLens",
    about=(
        "Ratings of movies by visitors of movielens.org, published by GroupLens. Times are those "
        "of the rating, not of the watching: many visitors rate dozens of movies in one sitting."
    ),
    licence=(
        "Licence: for research; no redistribution and no commercial use without permission of "
        "GroupLens (see the README of the data). Cite F. M. Harper and J. A. Konstan (2015), The "
        "MovieLens datasets: history and context, ACM Transactions on Interactive Intelligent "
        "Systems 5(4), doi:10.1145/2827872."
    ),
)

_NO_GENRE = ("(no genres listed)", "unknown")
_RATING = ("userId", "movieId", "rating", "timestamp")
_MOVIE = ("movieId", "title", "genres")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Names of the files of a release, and how their lines fall into fields."""

    ratings: str
    movies: str
    read_ratings: Callable[[LineReader], Iterator[list[str]]]
    read_movies: Callable[[LineReader], Iterator[list[str]]]


_LAYOUTS = (
    _Layout(
        "ratings.csv",
        "movies.csv",
        lambda lines: read_named_rows(lines, ",", _RATING, quotes=True),
        lambda lines: read_named_rows(lines, ",", _MOVIE, quotes=True),
    ),
    _Layout(
        "ratings.dat",
        "movies.dat",
        lambda lines: read_rows(lines, "::"),
        lambda lines: read_rows(lines, "::"),
    ),
    _Layout(
        "u.data",
        "u.item",
        lambda lines: read_rows(lines, "\t"),
        lambda lines: read_rows(lines, "|"),
    ),
)


@validate_params(SELECTION, prefer_skip_nested_validation=True)
def load_movielens(
    path: Any,
    *,
    columns: Any = COLUMNS,
    min_rating: float | None = None,
    start: Any = None,
    end: Any = None,
    include_cold: bool = False,
    ties: Ties = "keep",
    random_state: Any = None,
) -> Bunch:
    r"""Load MovieLens from the files that GroupLens publishes.

    Reads ml-100k (``u.data``), ml-1m and ml-10m (``ratings.dat``), ml-20m, ml-25m, ml-32m
    and the "latest" releases (``ratings.csv``), from the zip archive as it was downloaded
    or from a folder.

    Parameters
    ----------
    path : str or path-like
        The zip archive (read in place), a folder with the files or with a subfolder that has them,
        or the file of ratings, with the file of movies in the same folder.

    columns : str, sequence of str or None, default=("title", "genres")
        Texts to keep, some of these. None: ids only; the file of movies is then not
        needed. Titles end with the year.

    min_rating : float or None, default=None
        Leave out ratings below this one (0.5 to 5). None keeps all, which is usual for
        recommendation of the next item.

    start, end : date, datetime64, str or None, default=None
        Keep events from ``start`` on and before ``end`` (UTC), given as dates or ISO
        strings.

    include_cold : bool, default=False
        Whether the catalog also has movies that nobody rated.

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
            One row per rating, with timestamps. The catalog's features are the texts.
        items : dataframe
            Access it as ``bunch["items"]``, because ``bunch.items`` is a method of dict. It has
            ``item_id`` and the columns, and one row per item of the catalog, in pandas, polars or
            pyarrow, the first of these that is installed. Missing texts are empty strings.
        ratings : ndarray of shape (n_rows,)
            Stars of each row of ``interactions``.
        DESCR : str
            Description with counts.
        licence : str
            Terms of use, and what to cite.

    Raises
    ------
    ValueError
        If a line is malformed (file and line are named), an archive is damaged, a column
        does not exist, no movie of the ratings is described, or no rating is kept.

    FileNotFoundError
        If no files of a release are found.

    ImportError
        If no library for frames is installed.

    See Also
    --------
    fetch_movielens : Download first.

    Notes
    -----
    Lines are streamed, at some hundred thousand ratings per second; a rating takes 20 bytes until
    the log is built. For rows ``X`` made from ``bunch.interactions`` (slices, `k_core`), the
    ratings are ``bunch.ratings[X.source_rows]``.

    Stability: provisional.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skace.datasets import load_movielens
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ratings, movies = Path(folder, "ratings.dat"), Path(folder, "movies.dat")
    ...     _ = ratings.write_text("1::1193::5::978300760\n1::661::3::978302109\n")
    ...     _ = movies.write_text("661::James and the Giant Peach (1996)::Animation|Musical\n")
    ...     bunch = load_movielens(folder)
    >>> bunch.interactions
    Interactions(2 rows of 1 users over 2 items, 2000-12-31T22:12:40 to 2000-12-31T22:35:09)
    >>> bunch.ratings
    array([5., 3.], dtype=float32)
    """
    columns = check_columns(columns, COLUMNS)
    selection = Selection(min_rating, start, end)
    layout, open_lines = _find_release(Path(path).expanduser())
    events = EventFiles([open_lines(layout.ratings)], layout.read_ratings, _rating_of)
    genre_names = None
    if layout.movies == "u.item" and "genres" in columns:
        genre_names = [line.split("|")[0] for line in open_lines("u.genre")]
    # The releases up to 1m are in Latin-1, those from 10m on in UTF-8.
    is_needed = bool(columns) or include_cold
    movies = ItemFiles(
        [open_lines(layout.movies, fallback="latin-1")] if is_needed else [],
        layout.read_movies,
        _movie_of(columns, genre_names),
        columns,
        "a movie",
    )
    return load_published(
        _SOURCE,
        events,
        movies,
        selection,
        include_cold=include_cold,
        ties=ties,
        random_state=random_state,
    )


def _find_release(path: Path) -> tuple[_Layout, Callable[..., LineReader]]:
    """Layout of the files at ``path``, and a function that opens one of them by name."""
    layouts = {layout.ratings: layout for layout in _LAYOUTS}
    if path.name in layouts and path.is_file():
        return layouts[path.name], _Opener(path.parent, PurePosixPath())
    found = [
        member for name in _member_names(path) if (member := PurePosixPath(name)).name in layouts
    ]
    if not found:
        raise FileNotFoundError(f"path={str(path)!r} holds none of {', '.join(layouts)}.")
    if len(found) > 1:
        shown = " or ".join(repr(str(path / member)) for member in found)
        remedy = f"give path={shown}" if path.is_dir() else "unpack it, and give one of them"
        raise ValueError(f"{path} holds several releases: {', '.join(map(str, found))}; {remedy}.")
    return layouts[found[0].name], _Opener(path, found[0].parent)


def _member_names(path: Path) -> list[str]:
    """Names of the files in an archive, or in a folder and the folders just below."""
    if path.is_dir():
        found = [*path.glob("*"), *path.glob("*/*")]
        return sorted(file.relative_to(path).as_posix() for file in found if file.is_file())
    if not path.is_file():
        raise FileNotFoundError(f"path={str(path)!r} is no file and no folder.")
    if kind_of(path) != "zip":
        raise ValueError(
            f"path={str(path)!r} is neither a zip archive as GroupLens publishes it, nor a folder, "
            f"nor one of {', '.join(layout.ratings for layout in _LAYOUTS)}; give one of these."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is damaged or cut off ({error}); download it again.") from error


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens the files of one release by their names."""

    path: Path
    folder: PurePosixPath

    def __call__(self, name: str, **encoding: Any) -> LineReader:
        member = str(self.folder / name)
        is_folder = self.path.is_dir()
        is_there = (
            (self.path / member).is_file() if is_folder else member in _member_names(self.path)
        )
        if not is_there:
            raise FileNotFoundError(
                f"{self.path} holds no {member}, which describes the movies; put it there, or "
                "pass columns=None for ids only."
            )
        return (
            LineReader(self.path / member, **encoding)
            if is_folder
            else LineReader(self.path, member, **encoding)
        )


def _rating_of(row: list[str]) -> tuple[int, int, int, float]:
    """User, movie, time in seconds and stars."""
    if len(row) != 4:
        raise ValueError(f"4 fields expected, got {len(row)}")
    return int(row[0]), int(row[1]), whole(row[3]), stars(row[2])


def _movie_of(
    columns: list[str], genre_names: list[str] | None
) -> Callable[[list[str]], tuple[int, list[str]]]:
    """Function from a row to the id and the texts of a movie."""

    def genres(row: list[str]) -> str:
        names = row[2].split("|") if genre_names is None else _flagged(row[5:], genre_names)
        return text_of([name for name in names if name not in _NO_GENRE])

    texts = {"title": lambda row: text_of(row[1]), "genres": genres}
    return lambda row: (int(row[0]), [texts[name](row) for name in columns])


def _flagged(flags: list[str], names: list[str]) -> list[str]:
    """Names whose flag is 1."""
    return [name for flag, name in zip(flags, names, strict=True) if flag == "1"]
