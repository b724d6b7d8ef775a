"""NamedEnsemble: what a vote and a stack of recommenders share, a list of members."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral
from typing import Any, Self

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch

from skace._sklearn_compat import BaseComposition
from skace._typing import HandleUnknown, Members
from skace.recommenders._base import SequentialRecommender
from skace.recommenders.ensembles._base import EnsembleRecommender
from skace.recommenders.ensembles._members import check_scores, fit_members, last_step

__all__ = ["NamedEnsemble", "is_dropped"]


class NamedEnsemble(EnsembleRecommender, BaseComposition):
    """Ensemble of a list of named recommenders, which are also its parameters."""

    _parameter_constraints: dict = {
        **SequentialRecommender._parameter_constraints,
        "estimators": [list],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimators: Members,
        *,
        k: int = 10,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.estimators = estimators
        self.n_jobs = n_jobs

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name, including the estimators and their parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of the estimators.

        Returns
        -------
        params : dict
            By name, such as ``ease__regularization``.
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, parameters of the estimators, or an estimator by its name.

        Parameters
        ----------
        **params : dict
            By name, such as ``ease__regularization=100`` or ``ease="drop"``.

        Returns
        -------
        self : object
            The estimator.
        """
        self._set_params("estimators", **params)
        return self

    # Learning.

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        for name, member in self._members():
            check_scores(member, f"estimators: {name!r}")
        if not fresh:
            self._check_same_members()

    def _check_same_members(self):
        """Raise unless the estimators are those that were fitted."""
        kinds = [
            {name: type(last_step(member)).__name__ for name, member in members}
            for members in (self._members(), self.named_estimators_.items())
        ]
        if list(kinds[0].items()) != list(kinds[1].items()):
            raise ValueError(
                f"estimators are {kinds[0]}, but those that were fitted, which are to learn "
                f"further, are {kinds[1]}; set them back, or fit anew."
            )

    def _members(self):
        """Named estimators that take part."""
        entries = self.estimators
        if not entries or not all(isinstance(e, tuple) and len(e) == 2 for e in entries):
            raise ValueError(
                "estimators must be a list of at least one (name, estimator) tuple, got "
                f"{entries!r}."
            )
        self._validate_names([name for name, _ in entries])
        members = [(name, e) for name, e in entries if not is_dropped(e)]
        if not members:
            raise ValueError("estimators are all 'drop'; keep at least one.")
        return members

    def _fit_members(self, X, weights, X_val, *, earlier=None):
        """Set the estimators, fitted on rows; ``earlier`` ones were fitted on fewer."""
        members = [member for _, member in self._members()]
        members = [m if isinstance(m, FrozenEstimator) else clone(m) for m in members]
        settings = {"k": self.k, "n_jobs": self.n_jobs, "earlier": earlier}
        self._keep(fit_members(members, X, weights, X_val, **settings))

    def _keep(self, fitted):
        """Set the fitted estimators."""
        names = [name for name, _ in self._members()]
        self.estimators_ = fitted
        self.named_estimators_ = Bunch(**dict(zip(names, fitted, strict=True)))


def is_dropped(estimator):
    """Whether an estimator is only the word that leaves it out."""
    return isinstance(estimator, str) and estimator == "drop"
