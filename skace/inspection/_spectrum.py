"""SpectrumDisplay: how unequal the directions of item vectors are."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from skace._typing import FloatArray
from skace.data import Interactions
from skace.embeddings import ACETransformer
from skace.embeddings._ridge import column_factors, power_factors
from skace.embeddings.anisotropy._spectrum import spectrum_of
from skace.inspection._drawing import axes_for, categorical_colors, import_pyplot, ordered_colors
from skace.inspection._vectors import check_named, item_vectors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SpectrumDisplay"]

_SMALLEST = 1e-4  # on the axis: what is below is next to nothing, and would flatten the rest


class SpectrumDisplay:
    """Singular values of item vectors, before and after a transformer.

    A steep line means that a few directions hold most of the vectors' variance; a flat line means
    that all directions count the same. Use `from_estimator` for one `ACETransformer` and several
    alphas, or `from_embeddings` for any matrices.

    Parameters
    ----------
    spectra : dict of str to ndarray of shape (n_directions,)
        Positive singular values by name, largest first.

    is_ordered : bool, default=False
        Whether the names after the first are steps of one quantity. If so, they are
        drawn from dark to light, otherwise in distinct colours.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the lines.

    figure_ : matplotlib Figure
        Figure of the axes.

    lines_ : list of matplotlib Line2D
        One line per name.

    See Also
    --------
    AnisotropyDisplay : Scores and cosines of the same vectors.

    Notes
    -----
    There is no ``from_predictions``, because item vectors have no targets and predict nothing.

    Stability: experimental.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.embeddings import ACETransformer
    >>> from skace.inspection import SpectrumDisplay
    >>> F = np.random.default_rng(0).normal(size=(200, 16)) * 0.7 ** np.arange(16)
    >>> display = SpectrumDisplay.from_estimator(ACETransformer(8), F, alphas=[0, 1])
    >>> list(display.spectra)
    ['before', 'alpha = 0', 'alpha = 1']
    """

    def __init__(self, spectra: Mapping[str, FloatArray], *, is_ordered: bool = False) -> None:
        self.spectra = spectra
        self.is_ordered = is_ordered

    @classmethod
    def from_estimator(
        cls,
        estimator: ACETransformer,
        X: ArrayLike | Interactions,
        *,
        alphas: Sequence[float] = (0, 0.1, 1, 10),
        exponents: Sequence[float] = (),
        ax: "Axes | None" = None,
        **line_kw: Any,
    ) -> Self:
        """Draw the spectra of the input vectors and of ACE's output.

        Parameters
        ----------
        estimator : ACETransformer
            Fitted or not; one clone is fitted. Its own ``alpha``, ``spectrum`` and
            ``exponent`` are not used, its other parameters are.

        X : array-like of shape (n_items, n_features) or Interactions
            Item vectors.

        alphas : sequence of float in [0, inf], default=(0, 0.1, 1, 10)
            Values of alpha, with one line for each, in the units of the estimator's ``alpha_mode``.

        exponents : sequence of float in [0, 1], default=()
            Powers of the spectrum, with one dashed line for each.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **line_kw : dict
            Passed to ``Axes.plot``.

        Returns
        -------
        display : SpectrumDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the estimator is not an `ACETransformer`.

        ValueError
            As in ``fit`` of the estimator.
        """
        import_pyplot(cls)
        if not isinstance(estimator, ACETransformer):
            raise TypeError(
                f"estimator must be an ACETransformer, got {type(estimator).__name__}; for other "
                "transformers use SpectrumDisplay.from_embeddings({'before': F, 'after': Z})."
            )
        free = {"n_components": None, "spectrum": "ridge", "alpha": 1.0, "target_isotropy": None}
        ace = clone(estimator).set_params(**free).fit(X)
        values = ace.singular_values_
        unit = ace.alpha_
        kept = values[: estimator.n_components]
        spectra = {"before": values}
        for alpha in alphas:
            name = "∞" if np.isinf(alpha) else f"{alpha:g}"
            spectra[f"alpha = {name}"] = column_factors(kept, alpha * unit)
        for exponent in exponents:
            spectra[f"exponent = {exponent:g}"] = power_factors(kept, exponent)
        return cls(spectra, is_ordered=True).plot(ax, **line_kw)

    @classmethod
    def from_embeddings(
        cls,
        embeddings: Mapping[str, ArrayLike | Interactions],
        *,
        center: bool = False,
        ax: "Axes | None" = None,
        **line_kw: Any,
    ) -> Self:
        """Draw several matrices.

        Parameters
        ----------
        embeddings : dict of str to array-like of shape (n_items, n_dims) or Interactions
            Matrices, or Interactions for the features of their catalogs, by name.

        center : bool, default=False
            Whether to subtract the mean of the rows first. If False, the first value is
            mostly that of the common direction.

        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **line_kw : dict
            Passed to ``Axes.plot``.

        Returns
        -------
        display : SpectrumDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If ``embeddings`` is not a dict.

        ValueError
            If a matrix is zero or not finite.
        """
        import_pyplot(cls)
        named = check_named(embeddings, "embeddings")
        spectra = {name: spectrum_of(item_vectors(X), center)[0] for name, X in named.items()}
        return cls(spectra).plot(ax, **line_kw)

    def plot(self, ax: "Axes | None" = None, **line_kw: Any) -> Self:
        """Draw a line per name, each relative to its largest value, down to 1e-4 of it.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        **line_kw : dict
            Passed to ``Axes.plot``.

        Returns
        -------
        display : SpectrumDisplay
            The display itself.
        """
        ax = axes_for(self, ax)
        self.lines_: list[Any] = []
        styles = zip(self.spectra.items(), self._colors(), strict=True)
        for number, ((name, values), color) in enumerate(styles):
            # The second of two equal lines would hide the first, hence the widths.
            style = {"color": color, "linewidth": 3.0 if number == 0 else 1.6, "label": name}
            style["linestyle"] = "--" if name.startswith("exponent") else "-"
            places = np.arange(1, len(values) + 1)
            self.lines_ += ax.plot(places, np.asarray(values) / values[0], **(style | line_kw))
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.xaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.set_ylim(bottom=max(_SMALLEST, ax.get_ylim()[0]))
        ax.set_xlabel("direction, by size")
        ax.set_ylabel("singular value, largest = 1")
        ax.legend(loc="lower left", frameon=False)
        return self

    def _colors(self):
        """A colour per name; grey for the first one where the others are steps."""
        if not self.is_ordered:
            return categorical_colors(len(self.spectra))
        return ["0.6", *ordered_colors(self, len(self.spectra) - 1)]
