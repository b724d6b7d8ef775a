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

    Each item gets ``n_levels`` integers, coarse first: items whose first codes are equal are
    similar. Generative recommenders spell out such ids. They also group a catalog.

    Given `~skace.Interactions`, the transformer acts on the features of its catalog and
    returns `~skace.Interactions` over the same log, whose features are the codes (as floats, like
    all features of a catalog). Arrays give int64.

    Parameters
    ----------
    n_clusters : int, default=128
        Most clusters of a node ("recursive") or of a level ("residual"). A number above that of
        distinct rows is clipped with a warning.

    n_levels : int, default=2
        Number of codes of an id.

    method : {"recursive", "residual"}, default="recursive"
        "recursive" clusters the items of each cluster again [1]_. In a node of at most
        ``n_clusters`` distinct rows each gets its own code, and all further codes are 0. "residual"
        clusters what remains of each vector after the levels before, with one codebook per level
        for all items [2]_ [3]_.

    normalize : bool, default=True
        Whether to scale vectors to length one first, so that only angles count.

    n_init : int, default=3
        Number of starts of each k-means; the best result is kept.

    max_iter : int, default=100
        Most iterations of each k-means.

    random_state : int, RandomState or None, default=None
        Seed of the starts.

    Attributes
    ----------
    n_levels_ : int
        Number of codes of an id.

    n_clusters_ : ndarray of shape (n_levels_,), int64
        Number of different codes on each level; of a tree, those of the node with most children.

    codebooks_ : list of ndarray of shape (n_codes, n_features_in_)
        Centroids of each level. Only with ``method="residual"``.

    node_centroids_ : ndarray of shape (n_nodes, n_features_in_)
        Centroid of each node except the root, level by level. This and the next three attributes
        exist only with ``method="recursive"``.

    node_parents_ : ndarray of shape (n_nodes,), int64
        Index of the parent node; -1 is the root.

    node_codes_ : ndarray of shape (n_nodes,), int64
        Code of the node among its siblings.

    node_counts_ : ndarray of shape (n_nodes,), int64
        Number of rows of the fit in the node.

    inertia_ : ndarray of shape (n_levels_,), float64
        Sum of the squared distances of the rows of the fit to the centroids of their codes up to
        each level.

    collision_rate_ : float
        Share of the rows of the fit that have all codes in common with another row, in [0, 1].

    n_iter_ : int
        Largest number of iterations of a k-means.

    n_features_in_ : int
        Number of columns seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if fit saw a frame with string names.

    See Also
    --------
    ACETransformer : Spreads out vectors in a narrow cone, which k-means divides badly.

    Notes
    -----
    Codes depend neither on the log nor on the order of the rows: with a fixed ``random_state`` a
    shuffled catalog gives the same ids. New items take the nearest centroid at each level. Ids need
    not be unique (``collision_rate_``). A number for each item of an id would make an item's code
    depend on the other items.

    With ``normalize=True`` `inverse_transform` returns centroids of vectors of length one.

    An iteration takes the time of k-means: O(n d c L) for n items, d columns, c clusters and L
    levels. Distances are computed in float64.

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

    ACE makes the vectors of a language model easier to divide:

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
