"""ACETransformer: item vectors of controllable anisotropy."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import RandomState
from skace.data import Interactions
from skace.embeddings._ace_core import ACEOfArrays, has_sums
from skace.embeddings._mixin import ItemTransformerMixin

__all__ = ["ACETransformer"]


class ACETransformer(ItemTransformerMixin, ACEOfArrays):
    r"""Anisotropy-controllable embedding of items.

    Vectors of text encoders lie in a narrow cone: a few directions hold most of their
    variance. In the raw vectors the common direction hides the rest. Full whitening
    loses the order of the directions by importance. One number, ``alpha``, moves
    between the two: 0 whitens, infinity gives the plain scores of an uncentred PCA.

    Given `~skace.Interactions`, the transformer acts on the features of its catalog and
    returns `~skace.Interactions` over the same log.

    Parameters
    ----------
    n_components : int or None, default=128
        Number of output columns, usually the width of the model. A number above the
        rank is clipped with a warning; None keeps all.

    alpha : float in [0, inf] or "auto", default=1.0
        Ridge added to the squared singular values. Larger means more anisotropic. With SASRec and
        384-wide vectors of four data sets, validation rows showed no difference between relative
        values from 0.1 to 10 (docs/benchmarks/alpha.rst). The default is the middle of that range;
        search on your data. "auto" takes the shrinkage of Ledoit and Wolf, which depends on the
        vectors only, not on the log. With many items it is close to 0.

    alpha_mode : {"relative", "absolute"}, default="relative"
        "relative": the unit of ``alpha`` is the mean eigenvalue of the Gram matrix of the centred
        rows (whatever ``center`` is), which is the sum of their squared distances from the mean
        over ``n_features``. For unit rows with a mean cosine of c it is ``(1 - c) n_items /
        n_features``. So one grid serves catalogs of any size and cones of any width. "absolute":
        ``alpha`` is the lambda of the paper.

    spectrum : {"ridge", "power"}, default="ridge"
        How the singular values are transformed. "ridge", as in the paper: those far
        above the ridge become equal, those far below it keep their ratios. "power":
        each ratio is raised to the power ``exponent``, whatever the size.

    exponent : float in [0, 1], default=0.5
        For "power": 0 whitens, 1 gives the plain scores. ``alpha`` is then unused.

    target_isotropy : float in (0, 1] or None, default=None
        Participation ratio of the output divided by its number of columns; 1 means
        equal second moments in all directions. If given, it replaces ``alpha`` or
        ``exponent``.

    center : bool, default=False
        Subtract the mean of the rows first. The paper does not do this.

    normalize : bool, default=True
        Divide each row by its Euclidean length first.

    scale : float or None, default=0.1
        Standard deviation of all entries of the training output. None leaves the size
        as the formula gives it: ``U * shrinkage_``.

    solver : {"auto", "full", "gram", "randomized"}, default="auto"
        "gram": eigenvectors of the ``n_features x n_features`` Gram matrix, summed in one pass over
        blocks of rows. Its products are float32 if X has at most this precision, at most a quarter
        of the components is kept, and the rounding error of the last one is small (relative error
        below 1e-5), else float64. "full": SVD of all rows in memory, for small singular values to
        the last digit. "randomized": random projection of all rows in memory, for few components of
        very wide vectors; the spectrum beyond ``n_components`` is taken as flat. "auto": "full" for
        at most half as many rows as columns, else "gram".

    random_state : int, RandomState instance or None, default=None
        For "randomized" only.

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_features_in_)
        Right singular vectors, in rows. The entry of largest magnitude is positive.

    n_components_ : int
        Number of kept components.

    singular_values_ : ndarray of shape (n_components_,)
        Singular values of the (normalised, centred) rows, largest first.

    shrinkage_ : ndarray of shape (n_components_,)
        Factor on each left singular vector: ``s / sqrt(s^2 + alpha_)``, or ``s`` for an
        infinite ridge; with "power" ``s^exponent_``.

    alpha_ : float or None
        The ridge, in absolute terms; None with "power".

    exponent_ : float or None
        The exponent; None with "ridge".

    mean_ : ndarray of shape (n_features_in_,)
        Mean that is subtracted from the rows; zeros if ``center=False``.

    output_scale_ : float
        Factor that gives the output its standard deviation.

    anisotropy_ : dict of dict of str to float
        Measures of the rows in all directions ("before") and of the output ("after"):
        "participation_ratio", in directions; "isotropy", the same divided by the number
        of columns; "condition_number", first over last kept singular value;
        "first_share", share of the first direction in the sum of squares.

    n_features_in_ : int
        Number of columns seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if fit saw a frame with string names.

    See Also
    --------
    OnItems : Other transformers on the features of a catalog.
    WhiteningTransformer : Full and group whitening, in the input's directions.
    GlobalScaler : Gives other initial vectors the same ``scale``.
    anisotropy_report : Measures of anisotropy of any matrix.

    Notes
    -----
    With the singular value decomposition :math:`F = U S V^T` of the rows, the output is

    .. math:: E = c \, U \, \mathrm{diag}\left(\frac{s_j}{\sqrt{s_j^2 + \lambda}}\right)
              = c \, F V \, \mathrm{diag}\left((s_j^2 + \lambda)^{-1/2}\right).

    The left form is that of the paper. The right form maps new rows exactly, so items without any
    event get a vector as well. With ``spectrum="power"`` it is :math:`c \, U S^a = c \, F V
    S^{a-1}`. A zero row carries no information and maps to zero. With ``center=True`` it counts as
    the mean, and maps to zero as well.

    ``alpha="auto"``: Ledoit and Wolf give the optimal weight t of the identity in the second moment
    matrix. Whitening with this shrunk matrix is ACE with a ridge of t / (1 - t) mean eigenvalues of
    the Gram matrix.

    Time is O(n d^2 + d^3) and memory about three d x d matrices beside X; a memmap is
    streamed in blocks, and no n x n matrix exists. Fits on the same catalog share one
    decomposition per process, unless ``normalize``, ``center`` or ``solver`` differ. The
    fitted object keeps the sums that `partial_fit` needs: min(n, d) x d numbers.

    Stability: provisional.

    References
    ----------
    .. [1] Lee, Kim and Lee (2026), ACE: anisotropy-controllable embedding, SIGIR,
       :arxiv:`2605.29322`, section 1.
    .. [2] Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional
       covariance matrices, Journal of Multivariate Analysis 88(2), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.embeddings import ACETransformer
    >>> rng = np.random.default_rng(0)
    >>> F = rng.normal(size=(500, 16)) * 0.7 ** np.arange(16) + 1.0  # a narrow cone
    >>> ace = ACETransformer(n_components=8, alpha=0.1).fit(F)
    >>> ace.transform(F).shape
    (500, 8)
    >>> float(np.std(ace.transform(F)).round(6))
    0.1
    >>> round(ace.anisotropy_["before"]["isotropy"], 2)
    0.08
    >>> round(ace.anisotropy_["after"]["isotropy"], 2)
    0.97
    """

    _parameter_constraints: ClassVar = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="both"), StrOptions({"auto"})],
        "alpha_mode": [StrOptions({"relative", "absolute"})],
        "spectrum": [StrOptions({"ridge", "power"})],
        "exponent": [Interval(Real, 0, 1, closed="both")],
        "target_isotropy": [Interval(Real, 0, 1, closed="right"), None],
        "center": ["boolean"],
        "normalize": ["boolean"],
        "scale": [Interval(Real, 0, None, closed="neither"), None],
        "solver": [StrOptions({"auto", "full", "gram", "randomized"})],
        "random_state": ["random_state"],
    }

    def __init__(  # noqa: PLR0913 (a constructor has one argument per parameter)
        self,
        n_components: int | None = 128,
        *,
        alpha: float | Literal["auto"] = 1.0,
        alpha_mode: Literal["relative", "absolute"] = "relative",
        spectrum: Literal["ridge", "power"] = "ridge",
        exponent: float = 0.5,
        target_isotropy: float | None = None,
        center: bool = False,
        normalize: bool = True,
        scale: float | None = 0.1,
        solver: Literal["auto", "full", "gram", "randomized"] = "auto",
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.alpha_mode = alpha_mode
        self.spectrum = spectrum
        self.exponent = exponent
        self.target_isotropy = target_isotropy
        self.center = center
        self.normalize = normalize
        self.scale = scale
        self.solver = solver
        self.random_state = random_state

    # scikit-learn reads the metadata that a method takes from its signature, hence these two.
    def fit(  # type: ignore[override]  # the mixin's fit takes any metadata
        self,
        X: ArrayLike | Interactions,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Learn the transformation from item vectors.

        Sets all attributes of the class.

        Parameters
        ----------
        X : array-like of shape (n_items, n_features) or Interactions
            Dense floats; NaN and infinity are refused. From Interactions it takes the
            features of the catalog, whatever the rows are.

        y : Ignored
            Exists for scikit-learn.

        sample_weight : array-like of shape (n_items,) or None, default=None
            Non-negative weight of each row; an integer equals that many copies of the
            row. Only with arrays.

        Returns
        -------
        self : ACETransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            If X is not finite or has rank 0, ``target_isotropy`` cannot be reached, or the catalog
            has no vectors.
        """
        return super().fit(X, y, sample_weight=sample_weight)

    @available_if(has_sums)
    def partial_fit(
        self,
        X: ArrayLike | Interactions,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Learn from more item vectors; the result equals one fit on all of them.

        Sets all attributes of the class. Every call decomposes again, in O(d^3).

        Parameters
        ----------
        X : array-like of shape (n_items, n_features) or Interactions
            The new items. With Interactions all items of the catalog count as new.

        y : Ignored
            Exists for scikit-learn.

        sample_weight : array-like of shape (n_items,) or None, default=None
            As in `fit`.

        Returns
        -------
        self : ACETransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            As in `fit`; also after a fit with ``solver="randomized"``, which keeps no sums. With
            that solver the method does not exist.
        """
        return super().partial_fit(X, y, sample_weight=sample_weight)
