"""A Pipeline that suits a log, with a reason for each choice."""
# SPDX-License-Identifier: BSD-3-Clause

import logging
from importlib.util import find_spec
from numbers import Integral
from typing import Literal

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import Pipeline, make_pipeline

from skace._sklearn_compat import Interval, StrOptions, validate_params
from skace._typing import RandomState
from skace._visible_log import visible_log
from skace.data import Interactions
from skace.embeddings import ACETransformer, OnItems, TextEncoder
from skace.item_tables import IDTable
from skace.recommenders._item_fields import has_texts
from skace.recommenders._popularity import PopularityEstimator
from skace.recommenders._repeat import RepeatEstimator
from skace.recommenders.ensembles._seeds import SeedEnsemble
from skace.recommenders.ensembles._stacking import StackingRecommender
from skace.recommenders.linear._ease import EASEEstimator
from skace.recommenders.linear._l3ae import L3AEEstimator
from skace.recommenders.linear._slist import SLISTEstimator
from skace.recommenders.neighbours._item_knn import ItemKNNEstimator
from skace.recommenders.neural._sasrec import SASRecEstimator

__all__ = ["recommendation_pipeline"]

_logger = logging.getLogger("skace")

_WIDTH = 128
_FEWEST_ROWS = 2_000  # below which a network learns less than neighbours know
_MOST_ITEMS = 25_000  # for which n_items x n_items numbers of float32 are 2.5 GB
_EVENTS_TO_HOLD_OUT = 5  # of a user: some are left when a test and two others are held out
_SHARE_TO_HOLD_OUT = 0.1  # of the users that have so many
_SHORT, _LONG = 50, 200  # events that the network reads
_WINDOWS = 256_000  # read in a training
_EPOCHS = (12, 50)  # at least, at most
_FULL_WINDOW = 50  # events from which on 64 windows are enough for a step; two values were measured
_NEVER_TOO_MANY = 25  # epochs of a rate that falls to 0; 50 are too many for some small logs
_MANY_EVENTS = 100  # of half of the items: then a network learns more from ids than from texts
_FEW_COLD = 0.01  # of the items; a network of ids cannot tell them apart
_RARE_REPEATS = 0.01  # of the events
_ENOUGH_LEFT = 0.5  # of the rows with a past, where each user's last row is held out
_FEWER = 0.2  # of the users whose last row is held out where that would leave too little
_MANY_TIES = 0.3  # of the users' last events


@validate_params(
    {
        "X": "no_validation",  # the message would hold the whole frame
        "effort": [StrOptions({"fast", "balanced", "best"})],
        "k": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def recommendation_pipeline(
    X: Interactions,
    effort: Literal["fast", "balanced", "best"] = "balanced",
    *,
    k: int = 10,
    random_state: RandomState = None,
    verbose: bool = True,
) -> Pipeline:
    """Choose an ordinary Pipeline for a log, and say why.

    The choice depends on the item features, the number of items, the lengths of histories, and
    whether people take items again. Nothing is fitted. The result is a normal Pipeline: print,
    change, search and save it like any other.

    Parameters
    ----------
    X : Interactions
        The rows that the Pipeline will be fitted on.

    effort : {"fast", "balanced", "best"}, default="balanced"
        "fast": popularity, neighbours and the closed forms that fit into memory, one of them over
        all events of a history alike, and what people had before if they take items again, blended
        with weights learned on held-out rows; takes seconds to minutes. "balanced": also SASRec,
        from 2,000 events on: relative positions, a rate that falls to 0 over 12 to 50 epochs,
        batches of 256 windows, or of 64 if they hold 50 events on average. It starts from the
        vectors of ACE; from ids if there are none, if they have one column, or if half of the items
        have 100 events and hardly any has none. Above 25 epochs, early stopping takes fewer if the
        validation score says so, and in the end held-out rows are learned as well, if a tenth of
        the users have five events. "best": three trainings of SASRec instead of one. If items have
        texts, "fast" hashes their words. The others encode them with a language model, which is
        downloaded once, if sentence-transformers is installed.

    k : int, default=10
        Length of the lists that ``predict`` returns.

    random_state : int, RandomState or None, default=None
        Seed of whatever draws.

    verbose : bool, default=True
        Whether to log a line with a reason for each choice (logger "skace"). As in a verbose fit,
        lines go to standard error if logging is not set up.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        Unfitted. Its last step is called ``rec``.

    Raises
    ------
    TypeError
        If X is not an Interactions object.

    ValueError
        If an argument is out of its range, or X has no rows.

    See Also
    --------
    StackingRecommender : Blends the members and reports what each adds.

    Notes
    -----
    No closed form is best on all logs (docs/benchmarks/closed_forms.rst), so the weights are
    learned on held-out rows. ``pipeline[-1].member_report`` tells, on held-out rows, how much each
    member adds and whether any beats popularity.

    The Pipeline holds out what it needs. To give it rows as ``X_val`` instead, first set
    ``train_on_held_out=False`` on a network that has it.

    Stability: experimental.

    Examples
    --------
    >>> from skace import recommendation_pipeline
    >>> from skace.datasets import make_shop
    >>> X = make_shop(60, 50, 400, n_features=16, random_state=0).interactions
    >>> pipe = recommendation_pipeline(X, effort="fast", k=3)
    >>> list(dict(pipe[-1].estimators))
    ['popularity', 'neighbours', 'slist', 'l3ae', 'repeat']
    >>> pipe.fit(X).predict(X.next_queries()).shape
    (60, 3)
    """
    if not isinstance(X, Interactions):
        raise TypeError(
            f"X must be Interactions, got {type(X).__name__}; wrap a frame with "
            "Interactions.from_frame(frame, catalog=catalog)."
        )
    if len(X) == 0:
        raise ValueError("X has no rows; there is nothing to choose for.")
    reasons: list[str] = []
    steps, reads_vectors = _features(X, effort, random_state, reasons)
    never_again = _seldom_repeats(X, reasons)
    members = _closed_forms(X, reads_vectors, reasons)
    if not never_again:
        members.append(("repeat", RepeatEstimator()))
        reasons.append("repeat: RepeatEstimator - what people had before, newest and most often")
    if effort != "fast":
        members = [*_networks(X, effort, reads_vectors, random_state, reasons), *members]
    rec = _blend(X, members, reasons).set_params(k=k, exclude_seen=never_again)
    _tell_of_ties(X, reasons)
    with visible_log(verbose):
        for reason in reasons if verbose else ():
            _logger.info(reason)
    return Pipeline([*steps, ("rec", rec)])


def _blend(X, members, reasons):
    """What the members answer together, or the one that needs no past if nobody has any."""
    n_past, n_users = _rows_with_past(X)
    if n_past == 0:
        names = dict(members)
        name = "neighbours" if X.catalog.features is not None else "popularity"
        reasons.append(f"rec: {name} alone - no row has a past to learn from")
        return names[name]
    share = _share_held_out(n_past, n_users)
    whose = "each user" if share == 1 else f"{share:.0%} of the users, who have few,"
    reasons.append(f"rec: StackingRecommender - weights are learned on the last row of {whose}")
    return StackingRecommender(members, validation_fraction=share)


def _rows_with_past(X):
    """Number of rows with a past, and of the users who have one."""
    has_past = X._starts < X._ends
    return int(has_past.sum()), np.unique(X._row_users[has_past]).size


def _share_held_out(n_past, n_users):
    """Share of the users whose last row may be held out, so that enough is left to learn from."""
    return 1.0 if n_past - n_users >= _ENOUGH_LEFT * n_past else _FEWER


def _share_to_stop(X):
    """The same for a network in a blend, which holds out rows of its own before."""
    n_past, n_users = _rows_with_past(X)
    n_blend = round(n_users * _share_held_out(n_past, n_users))
    return _share_held_out(n_past - n_blend, n_users)


def _features(X, effort, random_state, reasons):
    """Steps that make vectors of what is known of the items, and whether there are any."""
    features = X.catalog.features
    if features is None:
        reasons.append("nothing is known of the items but their ids: no step before the model")
        return [], False
    if has_texts(X.catalog):
        if effort != "fast" and find_spec("sentence_transformers") is not None:
            reasons.append("texts: TextEncoder - a language model reads the texts of the items")
            return [("texts", TextEncoder(missing="mean"))], True
        why = "it takes seconds" if effort == "fast" else "sentence-transformers is not installed"
        reasons.append(f"texts: hashed words, weighted by how rare they are - {why}")
        words = make_pipeline(
            HashingVectorizer(n_features=2**14, alternate_sign=False),
            TfidfTransformer(),
            TruncatedSVD(max(1, min(_WIDTH, X.n_items - 1)), random_state=random_state),
        )
        return [("texts", OnItems(words))], True
    if sp.issparse(features):
        reasons.append("sparse: TruncatedSVD - models read dense vectors")
        n_components = max(1, min(_WIDTH, *(size - 1 for size in features.shape)))
        return [("dense", OnItems(TruncatedSVD(n_components, random_state=random_state)))], True
    return [], True


def _seldom_repeats(X, reasons):
    """Whether people hardly take an item again."""
    pairs = np.unique(X._row_users * np.int64(X.n_items) + X._item_codes).size
    share = 1 - pairs / len(X)
    is_rare = share < _RARE_REPEATS
    verdict = "what people had is left out" if is_rare else "what people had may come again"
    reasons.append(f"exclude_seen={is_rare}: {share:.1%} of the events repeat an item; {verdict}")
    return is_rare


def _closed_forms(X, reads_vectors, reasons):
    """Members that train nothing or solve equations, by name."""
    found = [("popularity", PopularityEstimator()), ("neighbours", ItemKNNEstimator())]
    if X.n_items > _MOST_ITEMS:
        reasons.append(f"neighbours: {X.n_items} items are too many for a dense matrix")
        return found
    found.append(("slist", SLISTEstimator()))
    # The others look at the newest events above all; this one at all of them alike.
    found.append(("l3ae", L3AEEstimator()) if reads_vectors else ("ease", EASEEstimator()))
    names = ", ".join(dict(found))
    reasons.append(f"{names}: which is best depends on the log, and each fits in seconds")
    return found


def _networks(X, effort, reads_vectors, random_state, reasons):
    """The network, by name, if there is enough to learn from."""
    if len(X) < _FEWEST_ROWS:
        reasons.append(f"no network: {len(X)} events are fewer than {_FEWEST_ROWS}")
        return []
    lengths = np.bincount(X._row_users)
    lengths = lengths[lengths > 0]
    long = int(np.quantile(lengths, 0.9))
    max_length = _LONG if long > _SHORT else _SHORT
    n_windows = _n_windows(lengths, max_length)
    n_epochs = int(np.clip(_WINDOWS // n_windows, *_EPOCHS))
    per_window = lengths[lengths > 1].sum() / n_windows
    batch_size, rate = (64, 0.002) if per_window >= _FULL_WINDOW else (256, 0.003)
    stops_early = n_epochs > _NEVER_TOO_MANY
    can_hold_out = (lengths >= _EVENTS_TO_HOLD_OUT).mean() >= _SHARE_TO_HOLD_OUT
    learns_all = bool(stops_early and can_hold_out)  # in a second training
    network = SASRecEstimator(
        positions="relative",
        max_length=max_length,
        batch_size=batch_size,
        max_epochs=n_epochs,
        learning_rate=rate,
        learning_rate_schedule="linear",
        early_stopping=stops_early,
        validation_fraction=_share_to_stop(X) if stops_early else 1.0,
        train_on_held_out=learns_all,
        random_state=random_state,
    )
    _tell_of_network(network, long, per_window, reasons)
    if effort == "best":
        one = network.set_params(random_state=None)
        network = SeedEnsemble(one, n_members=3, random_state=random_state)
        reasons.append("sasrec: SeedEnsemble - three trainings err less than one")
    why_ids = _why_ids(X) if reads_vectors else None
    if why_ids is not None:
        last = network.estimator if effort == "best" else network
        last.set_params(item_table=IDTable())
        reasons.append(f"sasrec: IDTable - {why_ids}")
    elif reads_vectors:
        network = make_pipeline(ACETransformer(_width(X)), network)
        reasons.append("sasrec: ACETransformer - vectors of a narrow cone are spread out")
    return [("sasrec", network)]


def _tell_of_network(network, long, per_window, reasons):
    """Reasons for the parameters of the network."""
    n_epochs = network.max_epochs
    reasons += [
        f"sasrec: max_length={network.max_length} - nine of ten users have at most {long} events",
        'sasrec: positions="relative" - how long ago an event was tells more than its place',
        f"sasrec: learning_rate={network.learning_rate}, falling to 0 over {n_epochs} epochs - "
        f"about {_WINDOWS:,} windows, between {_EPOCHS[0]} and {_EPOCHS[1]} epochs; a constant "
        "rate needs more",
        f"sasrec: batch_size={network.batch_size} - {per_window:.0f} events a window",
    ]
    if not network.early_stopping:
        reasons.append(
            f"sasrec: early_stopping=False - {n_epochs} epochs are not too many, so that no event "
            "has to be held out to find their number"
        )
    if network.train_on_held_out:
        reasons.append(
            "sasrec: train_on_held_out=True - once the best number of epochs is known, events held "
            "out to find it are learned as well"
        )


def _why_ids(X):
    """Why the network should not start from the vectors of the items; None if it should."""
    if _width(X) < 2:
        return "one number an item says too little to start from"
    counts = np.bincount(X._item_codes, minlength=X.n_items)
    median = np.median(counts)
    if median >= _MANY_EVENTS and (counts == 0).mean() <= _FEW_COLD:
        return f"{median:.0f} events of the median item tell more than vectors; others read those"
    return None


def _n_windows(lengths, max_length):
    """About how many histories a network reads in an epoch: long ones come in parts."""
    further = np.maximum(lengths[lengths > 1] - 1 - max_length, 0)
    return max(1, int((1 + np.ceil(2 * further / max_length)).sum()))


def _width(X):
    """Columns of ACE, an even number: no more than the vectors have."""
    features = X.catalog.features
    n_columns = _WIDTH if has_texts(X.catalog) else features.shape[1] - sp.issparse(features)
    width = min(_WIDTH, n_columns, X.n_items - 1)
    return width - width % 2  # two heads


def _tell_of_ties(X, reasons):
    """Say so where the order of last events is that of the file."""
    n_users = X._log.count("users with two")
    if X._log.timestamps is None or not n_users or X._log.ties != "keep":
        return
    share = X._log.count("last tied") / n_users
    if share > _MANY_TIES:
        reasons.append(
            f"mind: {share:.0%} of the users have their last two events at one moment; scores on "
            "the last one depend on the order of the file (X.reorder_ties)"
        )
