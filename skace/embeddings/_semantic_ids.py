"""SemanticIdEncoder: item vectors to hierarchical ids."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral
from typing import ClassVar, Literal

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import RandomState
from skace.embeddings._mixin import ItemTransformerMixin
from skace.embeddings._semantic_ids_core import SemanticIdsOfArrays

__all__ = ["SemanticIdEncoder"]


class SemanticIdEncoder(ItemTransformerMixin, SemanticIdsOfArrays):
    r"""Hierarchical ids of items, by k-means of their vectors.

    Each item gets ``n_levels`` whole numbers, coarse first: items that begin alike are alike.
    Such ids are what generative recommenders spell out; they also group a catalog.

    Given `~skace.Interactions`, the transformer acts on the features of its catalog and
    returns `~skace.Interactions` over the same log, whose features are the codes (as floats, like
    all features of a catalog). Arrays give int64.

    Parameters
    ----------
    n_clusters : int, default=128
        Most clusters of a node ("recursive") or of a level ("residual"). More than there are
        distinct rows is clipped with a warning.

    n_levels : int, default=2
        Number of codes of an id.

    method : {"recursive", "residual"}, default="recursive"
        "recursive" clusters the items of each cluster again [1]_; a node of at most
        ``n_clusters`` distinct rows gives each a code of its own, and below a single one all
        codes are 0. "residual" clusters what the levels before have left of each vector, with
        one codebook a level for all items [2]_ [3]_.

    normalize : bool, default=True
        Whether vectors are brought to length one first, so that angles count.

    n_init : int, default=3
        Starts of each k-means, of which the best is taken.

    max_iter : int, default=100
        Most iterations of each k-means.

    random_state : int, RandomState or None, default=None
        Seed of the starts.

    Attributes
    ----------
    n_levels_ : int
        Number of codes of an id.

    codebooks_ : list of ndarray of shape (n_codes, n_features_in_)
        Centroids of each level. Only with ``method="residual"``.

    node_centroids_ : ndarray of shape (n_nodes, n_features_in_)
        Centroid of each node but the root, level by level. This and the three below only with
        ``method="recursive"``.

    node_parents_ : ndarray of shape (n_nodes,), int64
        Number of the node above; -1 is the root.

    node_codes_ : ndarray of shape (n_nodes,), int64
        Code of the node among its siblings.

    node_counts_ : ndarray of shape (n_nodes,), int64
        Rows of the fit in the node.

    inertia_ : ndarray of shape (n_levels_,), float64
        Sum of the squared distances of the rows of the fit to what the codes up to each level
        stand for.

    collision_rate_ : float
        Share of the rows of the fit that have all codes in common with another one, in [0, 1].

    n_iter_ : int
        Most iterations that a k-means took.

    n_features_in_ : int
        Number of columns seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if fit saw a frame with string names.

    See Also
    --------
    ACETransformer : Spreads vectors that crowd into a narrow cone, which k-means divides badly.

    Notes
    -----
    Codes say nothing of the log and do not depend on the order of the rows: with a fixed
    ``random_state`` a shuffled catalog gives the same ids. New items take the nearest centroid
    at each level. Ids need not be unique (``collision_rate_``): to number the items of one id
    would make the code of an item depend on which others come with it.

    With ``normalize=True`` `inverse_transform` gives centroids of vectors of length one.

    Time is that of k-means: O(n d c L) for n items, d columns, c clusters and L levels, an
    iteration; distances are computed in float64.

    Stability: experimental.

    References
    ----------
    .. [1] Lee et al. (2025), GRAM: Generative recommendation via semantic-aware multi-granular
       late fusion, ACL.
    .. [2] Rajput et al. (2023), Recommender systems with generative retrieval, NeurIPS,
       :arxiv:`2305.05065`.
    .. [3] Ju et al. (2025), Generative recommendation with semantic IDs: A practitioner's
       handbook, :arxiv:`2507.22224`.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.embeddings import SemanticIdEncoder
    >>> F = np.array([[9.0, 0.0], [9.0, 1.0], [0.0, 5.0], [1.0, 5.0]])
    >>> encoder = SemanticIdEncoder(n_clusters=2, random_state=0)
    >>> codes = encoder.fit_transform(F)
    >>> codes.shape
    (4, 2)
    >>> bool(codes[0, 0] == codes[1, 0] != codes[2, 0] == codes[3, 0])
    True

    A language model's vectors divide better after ACE:

    >>> from sklearn.pipeline import make_pipeline
    >>> from skace import ACETransformer
    >>> ids = make_pipeline(ACETransformer(), SemanticIdEncoder(method="residual"))
    """

    _parameter_constraints: ClassVar = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "n_levels": [Interval(Integral, 1, None, closed="left")],
        "method": [StrOptions({"recursive", "residual"})],
        "normalize": ["boolean"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters: int = 128,
        *,
        n_levels: int = 2,
        method: Literal["recursive", "residual"] = "recursive",
        normalize: bool = True,
        n_init: int = 3,
        max_iter: int = 100,
        random_state: RandomState = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_levels = n_levels
        self.method = method
        self.normalize = normalize
        self.n_init = n_init
        self.max_iter = max_iter
        self.random_state = random_state
