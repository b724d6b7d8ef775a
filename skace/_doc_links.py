"""Where the pages of the API are, and how an estimator finds its own."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["DOCS_URL", "DocLinkMixin", "docs_url"]

DOCS_URL = "https://skace.readthedocs.io/en/stable"  # where the pages are to be published


def docs_url() -> str:
    """Address of the pages; the environment variable SKACE_DOCS_URL names another copy."""
    return (os.environ.get("SKACE_DOCS_URL") or DOCS_URL).rstrip("/")


class DocLinkMixin:
    """Link the HTML repr of an estimator to its page, and summarise what it has learned.

    This base class comes before ``BaseEstimator``, whose HTML repr reads these attributes. Classes
    outside skace that derive from such an estimator get no link.
    """

    _doc_link_module = "skace"

    @property
    def _doc_link_template(self) -> str:
        # The address is looked up for each link, so that the variable may be set after the import.
        address = docs_url().replace("{", "{{").replace("}", "}}")
        return address + "/api/generated/{estimator_module}.{estimator_name}.html"

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        # Public names stand in packages, whatever the rooms within.
        package = ".".join(type(self).__module__.split(".")[:2])
        return {"estimator_module": package, "estimator_name": type(self).__name__}

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        """Fitted attributes for the HTML repr, with the weights of networks summed up."""
        shown = super()._get_fitted_attr_html(doc_link)  # type: ignore[misc]
        for about in shown.values():
            if _is_state(about["value"]):
                about["value"] = _Summary(about["value"])
        return shown


def _is_state(value: Any) -> bool:
    """Whether a value is a non-empty dict of arrays."""
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(part, np.ndarray) for part in value.values())
    )


class _Summary:
    """Stand-in that shows the size of a dict of arrays instead of its numbers."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._text = f"{len(arrays)} arrays, {sum(array.size for array in arrays.values()):,}"

    def __repr__(self) -> str:
        # The table cuts what is longer than 30 characters.
        return f"{self._text} numbers"
