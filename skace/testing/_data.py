"""The small log that the checks share."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from skace.data import Catalog, Interactions
from skace.model_selection import leave_last_out

__all__ = ["CheckData", "doubled_log", "log_of_rows", "make_check_data", "more_features"]

N_USERS = 24
N_ITEMS = 14  # of which the last two are cold
UNKNOWN = "item-unknown"
WORDS = (["red", "blue", "green"], ["nail", "hair", "skin"], ["oil", "file", "brush", "cream"])


@dataclass(frozen=True)
class CheckData:
    """A log with everything that a real one has: ties, repeats, single events, cold items.

    Ids are strings, the catalog is not sorted by id, and the caller's order is not the log's.
    """

    X: Interactions
    X_train: Interactions  # all but the last row of every user with two
    X_test: Interactions

    @property
    def histories(self):
        """Three histories that share no beginning, one of them of a single event."""
        ids = np.sort(self.X.catalog.item_ids).tolist()
        return [ids[2:6], ids[:1], [ids[5], ids[5], ids[9]]]


def make_check_data(n_features=8, *, texts=False):
    """Data of the checks, new arrays at each call.

    Parameters
    ----------
    n_features : int or None, default=8
        Width of the item features, None for none.

    texts : bool, default=False
        Whether a text of three words stands in place of the features of each item.

    Returns
    -------
    data : CheckData
        The same content at each call.
    """
    return pickle.loads(_stored_data(n_features, texts=texts))  # noqa: S301 - our own bytes


@cache
def _stored_data(n_features, *, texts):
    """The data as bytes, which are read faster than the data are made."""
    return pickle.dumps(_new_data(n_features, texts=texts))


def _new_data(n_features, *, texts):
    """The data, made from nothing."""
    rng = np.random.RandomState(7)
    lengths = np.tile([1, 2, 3, 5, 8, 11], N_USERS // 6)
    users = np.repeat([f"user-{number:02d}" for number in range(N_USERS)], lengths)
    step = np.concatenate([np.arange(length) for length in lengths])
    start = np.repeat(rng.randint(N_ITEMS - 2, size=N_USERS), lengths)
    noise = rng.randint(3, size=users.size) * (rng.uniform(size=users.size) < 0.3)
    names = np.array([f"item-{number:02d}" for number in range(N_ITEMS)])
    items = names[(start + step + noise) % (N_ITEMS - 2)]
    order = rng.permutation(users.size)
    features = None if n_features is None else 0.3 * rng.standard_normal((N_ITEMS, n_features))
    features = _texts(rng) if texts else features
    catalog = Catalog(names[rng.permutation(N_ITEMS)], features)
    # Halved times make ties; lexsort keeps tied events in the order in which they come.
    times = (step[order] // 2).astype(np.int64)
    X = Interactions(users[order], items[order], times, catalog=catalog, drop_duplicates=True)
    X = log_of_rows(X)  # rows in the order of the input, which is that of sample_weight then
    return CheckData(X, *leave_last_out(X))


def _texts(rng):
    """A text for each item, no two alike: a colour, a kind and a thing."""
    texts = [" ".join(words) for words in product(*WORDS)]
    return rng.choice(texts, size=N_ITEMS, replace=False)


def more_features(features, n_items):
    """Features of further items, like those of the first ones but for their order or values."""
    if features is None or features.ndim == 1:
        return features if features is None else features[:n_items][::-1]
    return features[:n_items][:, ::-1]


def log_of_rows(X, catalog=None):
    """New log that holds the rows of X and nothing else, in the order of X's log."""
    order = np.argsort(X._ends, kind="stable")
    X = X[order]
    return Interactions(X.users, X.items, X.timestamps, catalog=catalog or X.catalog)


def doubled_log(X):
    """New log in which every user of X has a twin of another name."""
    users = np.concatenate([X.users, np.char.add(X.users, f"-twin-of-{X.n_users}")])
    items, times = np.tile(X.items, 2), np.tile(X.timestamps, 2)
    return Interactions(users, items, times, catalog=X.catalog)
