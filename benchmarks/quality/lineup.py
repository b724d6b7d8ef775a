"""The rows of the leaderboard: what a user gets, as it stands or with its grid searched.

A file of your own (``--methods my_rows.py``) defines ``rows(settings)`` alike: a
dict of names to `Entry`, or to estimators. ``settings`` are the parameters of the networks.
"""
# SPDX-License-Identifier: BSD-3-Clause

import importlib.util
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from methods import CLOSED_FORMS, DECAYS
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skace import ACETransformer, GRU4RecEstimator, SASRecEstimator, recommendation_pipeline
from skace.item_tables import IDTable
from skace.recommenders import GRAMEstimator, PopularityEstimator, RepeatEstimator


@dataclass(frozen=True)
class Entry:
    """One row.

    Attributes
    ----------
    how : estimator or callable
        Unfitted, or a function from the training rows to one.
    grid : dict
        Searched on validation rows with ``--search``.
    """

    how: Any
    grid: dict = field(default_factory=dict)

    def make(self, train):
        """The unfitted estimator for some training rows."""
        return self.how if hasattr(self.how, "get_params") else self.how(train)


def entry(estimator, **grid):
    """A row, its grid by keywords."""
    return Entry(estimator, grid)


def rows(settings):
    """All rows by name, what costs little first."""
    width = settings["embedding_dim"]

    def on_vectors(network, alphas=(), more=None, **ace):
        model = network(**settings | (more or {}))
        steps = [("ace", ACETransformer(width, **ace)), ("rec", model)]
        return entry(Pipeline(steps), **({"ace__alpha": list(alphas)} if alphas else {}))

    alphas = [0.1, 1, 10]
    closed = {
        name: entry(estimator, **grid, history_decay=DECAYS)
        for name, (estimator, grid) in CLOSED_FORMS.items()
    }
    return {
        "popularity": entry(PopularityEstimator()),
        "repeat": entry(RepeatEstimator()),
        "ItemKNN": closed["item-knn"],
        "SLIST": closed["slist"],
        "EASE": closed["ease"],
        "RLAE": closed["rlae"],
        "L3AE": closed["l3ae"],
        "one line, fast": Entry(partial(recommendation_pipeline, effort="fast")),
        "SASRec, ids": entry(
            SASRecEstimator(**settings, item_table=IDTable()), dropout=[0.2, 0.3, 0.5]
        ),
        "SASRec, PCA": on_vectors(SASRecEstimator, alpha=np.inf, center=True),
        "SASRec, whitening": on_vectors(SASRecEstimator, alpha=0),
        "SASRec, ACE": on_vectors(SASRecEstimator, alphas),
        "GRU4Rec, ACE": on_vectors(GRU4RecEstimator, alphas),
        "GRAM, ACE": on_vectors(GRAMEstimator, alphas),
        "GRAM by node vectors, ACE": on_vectors(GRAMEstimator, alphas, {"node_scores": "vectors"}),
        "one line, balanced": Entry(partial(recommendation_pipeline, effort="balanced")),
        "one line, best": Entry(partial(recommendation_pipeline, effort="best")),
    }


def rows_of_file(path, settings):
    """Rows that a Python file defines."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "rows"):
        raise SystemExit(f"{path} defines no function rows(settings); see lineup.py.")
    found = module.rows(settings)
    return {name: one if isinstance(one, Entry) else entry(one) for name, one in found.items()}


def draws_of(estimator):
    """Names of the parameters that seed something."""
    return [name for name in estimator.get_params() if name.endswith("random_state")]


def reseeded(estimator, seed):
    """A copy in which whatever draws has this seed."""
    return clone(estimator).set_params(**dict.fromkeys(draws_of(estimator), seed))


def in_words(estimator):
    """All parameters of an estimator: its ``repr`` leaves out what is too long for a screen."""
    parts = {"": estimator} | estimator.get_params()
    told = {
        name: type(value).__name__ if hasattr(value, "get_params") else repr(value)
        for name, value in parts.items()
    }
    return repr(dict(sorted(told.items())))


def grid_for(estimator, grid):
    """A grid of plain values, whose names may be those of the last step, rec."""
    known = estimator.get_params()
    return {
        name if name in known else f"rec__{name}": [plain(value, name) for value in values]
        for name, values in grid.items()
    }


def plain(value, name):
    """A value of a grid, as it can be written into a file."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is not None and not isinstance(value, (str, int, float)):
        raise SystemExit(f"the grid of {name} holds {value!r}; give numbers, words or None.")
    return value
