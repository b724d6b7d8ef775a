"""AnisotropyDisplay: how much item vectors point the same way."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skace._typing import FloatArray, RandomState
from skace.data import Interactions
from skace.embeddings import anisotropy_report
from skace.inspection._drawing import axes_for, categorical_colors, import_pyplot, legend_above
from skace.inspection._vectors import check_named, item_vectors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AnisotropyDisplay"]

# What isotropic vectors reach stands behind each name: some scores rise with it, some fall.
_SCORES = {
    "mean_cosine": "mean cosine\n(isotropic: 0)",
    "first_share": "share of first direction\n(isotropic: 1 / columns)",
    "isotropy": "participation ratio\nper column (isotropic: 1)",
    "iso_score": "IsoScore\n(isotropic: 1)",
    "spectral_entropy": "spectral entropy\n(isotropic: 1)",
}


class AnisotropyDisplay:
    """Cosines between items, and scores of anisotropy, before and after a transformer.

    If all vectors share a direction, two random items have a large cosine, and only small
    differences distinguish them. Use `from_estimator` or `from_embeddings`.

    Parameters
    ----------
    cosines : dict of str to ndarray of shape (n_pairs,)
        Cosines of random pairs of items, by name of the vectors.

    scores : dict of str to dict of str to float
        By the same names: "mean_cosine", "first_share", "isotropy", "iso_score" and
        "spectral_entropy".

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the histogram or the bars.

    figure_ : matplotlib Figure
        Figure of the axes.

    artists_ : list of matplotlib artists
        One per name: the filled outline of a histogram, or a container of bars.

    See Also
    --------
    SpectrumDisplay : Singular values of the same vectors.
    skace.embeddings.anisotropy_report : All measures as numbers.

    Notes
    -----
    "first_share" is ``explained_share_1`` of `~skace.embeddings.anisotropy_report`, and "isotropy"
    is its ``participation_ratio`` divided by the number of columns. Only IsoScore is centred.

    There is no ``from_predictions``, because item vectors have no targets and predict nothing.

    Stability: experimental.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.embeddings import ACETransformer
    >>> from skace.inspection import AnisotropyDisplay
    >>> F = np.random.default_rng(0).normal(size=(200, 16)) + 1.0
    >>> display = AnisotropyDisplay.from_estimator(ACETransformer(8).fit(F), F, random_state=0)
    >>> {name: round(scores["mean_cosine"], 1) for name, scores in display.scores.items()}
    {'before': 0.5, 'after': 0.3}
    """

    def __init__(
        self, cosines: Mapping[str, FloatArray], scores: Mapping[str, Mapping[str, float]]
    ) -> None:
        self.cosines = cosines
        self.scores = scores

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | Interactions,
        *,
        n_pairs: int = 50_000,
        random_state: RandomState = None,
        kind: Literal["cosines", "scores"] = "cosines",
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the vectors before and after a fitted item transformer.

        Parameters
        ----------
        estimator : fitted transformer
            `~skace.ACETransformer` or another transformer that keeps one row per item, for example
            ``pipeline[:-1]``.

        X : array-like of shape (n_items, n_features) or Interactions
            Input of its ``transform``.

        n_pairs : int, default=50_000
            Number of pairs of items to draw.

        random_state : int, RandomState instance or None, default=None
            Seed of the pairs.

        kind : {"cosines", "scores"}, default="cosines"
            As in `plot`.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **kwargs : dict
            As in `plot`.

        Returns
        -------
        display : AnisotropyDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the estimator has no ``transform``.

        ValueError
            If a vector has length 0, or there are fewer than two.
        """
        import_pyplot(cls)
        if not hasattr(estimator, "transform"):
            raise TypeError(
                f"{type(estimator).__name__} has no transform; pass an item transformer, for "
                "example pipeline[:-1] where the last step is a recommender."
            )
        return cls.from_embeddings(
            {"before": X, "after": estimator.transform(X)},
            n_pairs=n_pairs,
            random_state=random_state,
            kind=kind,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_embeddings(
        cls,
        embeddings: Mapping[str, ArrayLike | Interactions],
        *,
        n_pairs: int = 50_000,
        random_state: RandomState = None,
        kind: Literal["cosines", "scores"] = "cosines",
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Draw several matrices.

        Parameters
        ----------
        embeddings : dict of str to array-like of shape (n_items, n_dims) or Interactions
            Matrices, or Interactions for the features of their catalogs, by name.

        n_pairs : int, default=50_000
            Number of pairs of items to draw from each matrix.

        random_state : int, RandomState instance or None, default=None
            Seed of the pairs, the same for matrices of equal length.

        kind : {"cosines", "scores"}, default="cosines"
            As in `plot`.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **kwargs : dict
            As in `plot`.

        Returns
        -------
        display : AnisotropyDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If ``embeddings`` is not a dict.

        ValueError
            If a vector has length 0, or there are fewer than two.
        """
        import_pyplot(cls)
        vectors = {
            name: item_vectors(X) for name, X in check_named(embeddings, "embeddings").items()
        }
        seed = check_random_state(random_state).randint(2**31)
        scores = {name: _scores_of(matrix) for name, matrix in vectors.items()}
        cosines = {
            name: _cosines_of_pairs(matrix, n_pairs, np.random.default_rng(seed))
            for name, matrix in vectors.items()
        }
        return cls(cosines, scores).plot(ax, kind=kind, **kwargs)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        kind: Literal["cosines", "scores"] = "cosines",
        **kwargs: Any,
    ) -> Self:
        """Draw a histogram of cosines, or bars of scores.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        kind : {"cosines", "scores"}, default="cosines"
            "cosines": a histogram per name, with its mean in the legend. "scores": a bar
            per name and score.

        **kwargs : dict
            Passed to ``Axes.hist`` or ``Axes.barh``.

        Returns
        -------
        display : AnisotropyDisplay
            The display itself.

        Raises
        ------
        ValueError
            If ``kind`` is none of these.
        """
        if kind not in ("cosines", "scores"):
            raise ValueError(f"kind must be 'cosines' or 'scores', got {kind!r}.")
        ax = axes_for(self, ax)
        colors = categorical_colors(len(self.cosines))
        draw = self._draw_cosines if kind == "cosines" else self._draw_scores
        self.artists_ = draw(ax, colors, kwargs)
        return self

    def _draw_cosines(self, ax, colors, kwargs):
        """A histogram per name."""
        low = min(float(np.min(values)) for values in self.cosines.values())
        bins = np.linspace(min(low, 0.0), 1.0, 81)
        artists = []
        for (name, values), color in zip(self.cosines.items(), colors, strict=True):
            mean = self.scores[name]["mean_cosine"]
            style = {
                "bins": bins, "density": True, "histtype": "stepfilled", "alpha": 0.45,
                "facecolor": color, "edgecolor": color, "linewidth": 1.5,
                "label": f"{name}, mean {mean:.2f}",
            }  # fmt: skip
            artists += ax.hist(values, **(style | kwargs))[2]
        ax.set_xlabel("cosine of two items")
        ax.set_ylabel("density of pairs")
        ax.legend(frameon=False)
        return artists

    def _draw_scores(self, ax, colors, kwargs):
        """A bar per name and score."""
        height = 0.8 / len(self.scores)
        artists = []
        for number, ((name, scores), color) in enumerate(
            zip(self.scores.items(), colors, strict=True)
        ):
            places = np.arange(len(_SCORES)) + (number - (len(self.scores) - 1) / 2) * height
            values = [scores[key] for key in _SCORES]
            style = {"height": height, "color": color, "label": name}
            bars = ax.barh(places, values, **(style | kwargs))
            ax.bar_label(bars, fmt="%.2f", padding=3, fontsize="small")
            artists.append(bars)
        ax.set_yticks(np.arange(len(_SCORES)), list(_SCORES.values()))
        ax.invert_yaxis()
        ax.set_xlim(min(0.0, ax.get_xlim()[0]), 1.12)  # room for the numbers behind the bars
        ax.set_xlabel("score")
        legend_above(ax, artists)
        return artists


def _scores_of(vectors):
    """Scores of `AnisotropyDisplay` for one matrix."""
    report = anisotropy_report(vectors)
    return {
        "mean_cosine": report["mean_cosine"],
        "first_share": report["explained_share_1"],
        "isotropy": report["participation_ratio"] / report["n_dims"],
        "iso_score": report["iso_score"],
        "spectral_entropy": report["spectral_entropy"],
    }


def _cosines_of_pairs(vectors, n_pairs, rng):
    """Cosines of random pairs of distinct rows, shape (n_pairs,)."""
    n_rows = vectors.shape[0]
    left = rng.integers(0, n_rows, n_pairs)
    right = (left + rng.integers(1, n_rows, n_pairs)) % n_rows
    cosines = np.empty(n_pairs)
    for begin in range(0, n_pairs, 4096):  # rows of a few thousand pairs at a time
        part = slice(begin, begin + 4096)
        one, other = (vectors[rows[part]].astype(np.float64) for rows in (left, right))
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        cosines[part] = np.einsum("ij,ij->i", one, other) / lengths
    return cosines
