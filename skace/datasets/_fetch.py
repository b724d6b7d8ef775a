"""Fetchers: download published files into the data home, then load them."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from sklearn.datasets import get_data_home
from sklearn.utils import Bunch

from skace._sklearn_compat import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from skace.datasets._amazon import load_amazon_reviews
from skace.datasets._amazon_releases import VERSIONS
from skace.datasets._download import RemoteFile, download, has_checksum
from skace.datasets._download_log import logged_download
from skace.datasets._movielens import COLUMNS, load_movielens
from skace.datasets._steam import FIELDS, load_steam
from skace.datasets.reading._item_texts import check_columns
from skace.datasets.reading._published import SELECTION
from skace.datasets.reading._selection import Selection

__all__ = ["fetch_amazon_reviews", "fetch_movielens", "fetch_steam"]

_MOVIELENS_URL = "https://files.grouplens.org/datasets/movielens"
# SHA-256 of the archives as GroupLens has them. Those of 100k, 1m, 20m and 25m are in
# tensorflow/datasets (url_checksums/movielens.txt), all are pinned by projects that also compared
# the MD5 sums that GroupLens publishes. "latest" archives change, so that they have none.
_MOVIELENS = {
    "100k": "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    "1m": "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
    "10m": "813c411ccb6122564edfe752e7f80c4dcc5aa25fa94c93622f6877a7ba252862",
    "20m": "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
    "25m": "8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa",
    "32m": "e4a68655d7386b8f95f2f2424b2ff975dfdd15ffd59e0d864a14dca43e99d6ee",
    "latest-small": None,
    "latest": None,
}

# Path of reviews ("5-core" or "all") and metadata below the address of each release.
_AMAZON_URLS = {
    "2014": "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles",
    "2018": "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_v2",
    "2023": "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023",
}
_AMAZON_PATHS = {
    "2014": ("reviews_{}_5.json.gz", "ratings_{}.csv", "meta_{}.json.gz"),
    "2018": (
        "categoryFilesSmall/{}_5.json.gz",
        "categoryFilesSmall/{}.csv",
        "metaFiles2/meta_{}.json.gz",
    ),
    "2023": (
        "benchmark/5core/rating_only/{}.csv.gz",
        "benchmark/0core/rating_only/{}.csv.gz",
        "raw/meta_categories/meta_{}.jsonl.gz",
    ),
}
_STEAM_URL = "https://cseweb.ucsd.edu/~wckang"

_COMMON = {
    "data_home": [str, os.PathLike, None],
    "download_if_missing": ["boolean"],
    "force_download": ["boolean"],
    "n_retries": [Interval(Integral, 0, None, closed="left")],
    "delay": [Interval(Real, 0, None, closed="left")],
    "base_url": [str, None],
    "verbose": ["verbose"],
}


@dataclass(frozen=True, slots=True)
class _Settings:
    """How a fetcher downloads."""

    data_home: Any
    download_if_missing: bool
    n_retries: int
    delay: float
    verbose: int
    force: bool


@validate_params(
    {"version": [StrOptions(set(_MOVIELENS))], **_COMMON}, prefer_skip_nested_validation=True
)
def fetch_movielens(
    version: str = "1m",
    *,
    data_home: Any = None,
    download_if_missing: bool = True,
    force_download: bool = False,
    n_retries: int = 3,
    delay: float = 1.0,
    base_url: str | None = None,
    verbose: int = 0,
    **load_params: Any,
) -> Bunch:
    """Load MovieLens, after a download from GroupLens if necessary.

    Parameters
    ----------
    version : {"100k", "1m", "10m", "20m", "25m", "32m", "latest-small", "latest"}, default="1m"
        Release, from 5 MB to 265 MB. All are verified by checksum, except the latest
        ones, which change from time to time.

    data_home : str, path-like or None, default=None
        Folder for downloaded data. None: the one of scikit-learn
        (`sklearn.datasets.get_data_home`). The file goes to ``skace/movielens`` in it.

    download_if_missing : bool, default=True
        If False, raise an OSError instead of downloading, also if the existing file has a wrong
        checksum.

    force_download : bool, default=False
        Whether to download and replace existing files. Use it if a file may be incomplete, which is
        not noticed if neither its checksum nor its length is known.

    n_retries : int, default=3
        How often to continue an interrupted download.

    delay : float, default=1.0
        Seconds to wait before continuing.

    base_url : str or None, default=None
        Address of a mirror with ``ml-1m.zip`` and so on. None: GroupLens.

    verbose : int, default=0
        Above 0, progress is logged.

    **load_params : dict
        Passed to `load_movielens`: ``columns``, ``min_rating``, ``start``, ``end``,
        ``include_cold``.

    Returns
    -------
    bunch : Bunch
        The result of `load_movielens`.

    Raises
    ------
    OSError
        If the file cannot be downloaded, or its checksum is wrong.

    ValueError
        If the loader refuses a value. This is raised before the download, like a TypeError for an
        unknown parameter.

    See Also
    --------
    load_movielens : From an existing file.

    Notes
    -----
    If a download is interrupted or killed, its part is kept, and the next call continues from
    there. The archive is read in place; nothing is extracted.

    Stability: provisional.

    Examples
    --------
    >>> from skace.datasets import fetch_movielens
    >>> bunch = fetch_movielens("100k", verbose=1)  # doctest: +SKIP
    >>> bunch.interactions.n_users  # doctest: +SKIP
    943
    """
    _check_load_params(load_movielens, load_params, COLUMNS)
    remote = RemoteFile(
        f"{base_url or _MOVIELENS_URL}/ml-{version}.zip", sha256=_MOVIELENS[version]
    )
    settings = _Settings(data_home, download_if_missing, n_retries, delay, verbose, force_download)
    (path,) = _local_copies([remote], "movielens", settings)
    return load_movielens(path, **load_params)


@validate_params(
    {
        "category": [str],
        "version": [StrOptions(set(VERSIONS))],
        "subset": [StrOptions({"5-core", "all"})],
        "checksums": [Mapping, None],
        **_COMMON,
    },
    prefer_skip_nested_validation=True,
)
def fetch_amazon_reviews(  # noqa: PLR0913 - the parameters of scikit-learn's fetchers
    category: str,
    *,
    version: str = "2014",
    subset: str = "5-core",
    checksums: Mapping[str, str] | None = None,
    data_home: Any = None,
    download_if_missing: bool = True,
    force_download: bool = False,
    n_retries: int = 3,
    delay: float = 1.0,
    base_url: str | None = None,
    verbose: int = 0,
    **load_params: Any,
) -> Bunch:
    """Load the reviews of one Amazon category, after a download if necessary.

    Parameters
    ----------
    category : str
        Name as in the files of the release, such as "Beauty" (2014), "Luxury_Beauty" (2018)
        or "All_Beauty" (2023).

    version : {"2014", "2018", "2023"}, default="2014"
        Release.

    subset : {"5-core", "all"}, default="5-core"
        "5-core": users and items with at least five reviews each, as made by the
        publisher. "all": every rating, without its text.

    checksums : mapping of str to str or None, default=None
        SHA-256 of files by name, for example from your first download. The publisher gives none, so
        without them only the length is verified (and gzip verifies the content when the file is
        read).

    data_home : str, path-like or None, default=None
        Folder for downloaded data. None: the one of scikit-learn
        (`sklearn.datasets.get_data_home`). Files go to ``skace/amazon-<version>`` in it.

    download_if_missing : bool, default=True
        If False, raise an OSError instead of downloading, also if the existing file has a wrong
        checksum.

    force_download : bool, default=False
        Whether to download and replace existing files. Use it if a file may be incomplete, which is
        not noticed if neither its checksum nor its length is known.

    n_retries : int, default=3
        How often to continue an interrupted download.

    delay : float, default=1.0
        Seconds to wait before continuing.

    base_url : str or None, default=None
        Address of a mirror, or the new address if the publisher has moved. None: the
        address at the time of this version of skace.

    verbose : int, default=0
        Above 0, progress is logged.

    **load_params : dict
        Passed to `load_amazon_reviews`: ``columns``, ``min_rating``, ``start``, ``end``,
        ``include_cold``.

    Returns
    -------
    bunch : Bunch
        The result of `load_amazon_reviews`.

    Raises
    ------
    OSError
        If a file cannot be downloaded, or its checksum is wrong.

    ValueError
        If ``category`` is not a plain name, or the loader refuses a value. This is
        raised before the download, like a TypeError for an unknown parameter.

    See Also
    --------
    load_amazon_reviews : From existing files.

    Notes
    -----
    If a download is interrupted or killed, its part is kept, and the next call continues from
    there.

    The publisher's address has changed before.

    Stability: experimental.

    Examples
    --------
    >>> from skace.datasets import fetch_amazon_reviews
    >>> bunch = fetch_amazon_reviews("Beauty", verbose=1)  # doctest: +SKIP
    >>> len(bunch.interactions)  # doctest: +SKIP
    198502
    """
    if not re.fullmatch(r"\w+", category, flags=re.ASCII):
        raise ValueError(
            f"category={category!r} is no name of letters, digits and underscores, such as "
            "'Beauty' or 'Toys_and_Games'."
        )
    _check_load_params(load_amazon_reviews, load_params, VERSIONS[version].texts)
    five_core, everything, metadata = _AMAZON_PATHS[version]
    paths = [five_core if subset == "5-core" else everything, metadata]
    remotes = []
    for path in paths:
        remote = RemoteFile(f"{base_url or _AMAZON_URLS[version]}/{path.format(category)}")
        remotes.append(RemoteFile(remote.url, (checksums or {}).get(remote.name)))
    settings = _Settings(data_home, download_if_missing, n_retries, delay, verbose, force_download)
    # The ratings of 5-core and of all products have one name in the release of 2023.
    reviews, meta = _local_copies(remotes, f"amazon-{version}", settings, subfolders=[subset, ""])
    return load_amazon_reviews(reviews, meta, version=version, **load_params)


@validate_params({"checksums": [Mapping, None], **_COMMON}, prefer_skip_nested_validation=True)
def fetch_steam(
    *,
    checksums: Mapping[str, str] | None = None,
    data_home: Any = None,
    download_if_missing: bool = True,
    force_download: bool = False,
    n_retries: int = 3,
    delay: float = 1.0,
    base_url: str | None = None,
    verbose: int = 0,
    **load_params: Any,
) -> Bunch:
    """Load the Steam reviews that came with SASRec, after a download if necessary.

    Parameters
    ----------
    checksums : mapping of str to str or None, default=None
        SHA-256 of files by name, for example from your first download. The publisher gives none, so
        without them only the length is verified (and gzip verifies the content when the file is
        read).

    data_home : str, path-like or None, default=None
        Folder for downloaded data. None: the one of scikit-learn
        (`sklearn.datasets.get_data_home`). Files go to ``skace/steam`` in it.

    download_if_missing : bool, default=True
        If False, raise an OSError instead of downloading, also if the existing file has a wrong
        checksum.

    force_download : bool, default=False
        Whether to download and replace existing files. Use it if a file may be incomplete, which is
        not noticed if neither its checksum nor its length is known.

    n_retries : int, default=3
        How often to continue an interrupted download.

    delay : float, default=1.0
        Seconds to wait before continuing.

    base_url : str or None, default=None
        Address of a mirror, or the new address if the publisher has moved. None: the
        address at the time of this version of skace.

    verbose : int, default=0
        Above 0, progress is logged.

    **load_params : dict
        Passed to `load_steam`: ``columns``, ``start``, ``end``, ``include_cold``.

    Returns
    -------
    bunch : Bunch
        The result of `load_steam`.

    Raises
    ------
    OSError
        If a file cannot be downloaded, or its checksum is wrong.

    ValueError
        If the loader refuses a value. This is raised before the download, like a TypeError for an
        unknown parameter.

    See Also
    --------
    load_steam : From existing files.

    Notes
    -----
    If a download is interrupted or killed, its part is kept, and the next call continues from
    there.

    The publisher's address may change.

    Stability: experimental.

    Examples
    --------
    >>> from skace.datasets import fetch_steam
    >>> bunch = fetch_steam(start="2017-01-01", verbose=1)  # doctest: +SKIP
    """
    _check_load_params(load_steam, load_params, FIELDS)
    names = ("steam_reviews.json.gz", "steam_games.json.gz")
    url = base_url or _STEAM_URL
    remotes = [RemoteFile(f"{url}/{name}", (checksums or {}).get(name)) for name in names]
    settings = _Settings(data_home, download_if_missing, n_retries, delay, verbose, force_download)
    reviews, games = _local_copies(remotes, "steam", settings)
    return load_steam(reviews, games, **load_params)


def _check_load_params(
    load: Callable[..., Bunch], params: dict[str, Any], columns: Iterable[str] = ()
) -> None:
    """Raise for what the loader would refuse after the download; ``columns`` are those there."""
    accepted = {
        name
        for name, parameter in inspect.signature(load).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name != "version"
    }
    unknown = sorted(set(params) - accepted)
    if unknown:
        raise TypeError(
            f"{load.__name__} takes no parameter {unknown[0]!r}; it takes "
            f"{', '.join(sorted(accepted))}."
        )
    validate_parameter_constraints(SELECTION, params, load.__name__)
    Selection(start=params.get("start"), end=params.get("end"))
    if "columns" in params:
        check_columns(params["columns"], columns)


def _local_copies(
    remotes: Sequence[RemoteFile],
    folder: str,
    settings: _Settings,
    subfolders: Sequence[str] | None = None,
) -> list[Path]:
    """Paths of the files in the data home, downloaded where they are missing."""
    home = Path(get_data_home(settings.data_home)) / "skace" / folder
    folders = [home / subfolder for subfolder in subfolders or [""] * len(remotes)]
    if settings.force and not settings.download_if_missing:
        raise ValueError("force_download=True downloads; leave out download_if_missing=False.")
    if not settings.download_if_missing:
        return _paths_there(remotes, folders, home)
    paths = []
    for remote, place in zip(remotes, folders, strict=True):
        with logged_download(remote.name, settings.verbose) as report:
            path = download(
                remote,
                place,
                n_retries=settings.n_retries,
                delay=settings.delay,
                report=report,
                force=settings.force,
            )
        paths.append(path)
    return paths


def _paths_there(remotes: Sequence[RemoteFile], folders: Sequence[Path], home: Path) -> list[Path]:
    """Paths of files that are there and right; nothing is downloaded."""
    paths = []
    for remote, folder in zip(remotes, folders, strict=True):
        path = folder / remote.name
        if not path.exists():
            raise OSError(f"{remote.url} is not in {home}, and download_if_missing=False.")
        if not has_checksum(path, remote):
            raise OSError(
                f"{path} has another SHA256 checksum than {remote.sha256}, and "
                "download_if_missing=False; leave that out to download it again."
            )
        paths.append(path)
    return paths
