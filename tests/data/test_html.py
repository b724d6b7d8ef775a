"""HTML of catalogs and logs: what one wants to know before fitting."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import polars
import pytest

from skace import Catalog, Interactions


def facts(thing):
    """Lines of the table as name and value."""
    return dict(re.findall(r"<tr><th[^>]*>(.*?)</th><td>(.*?)</td></tr>", thing._repr_html_()))


@pytest.mark.parametrize(
    ("catalog", "expected"),
    [
        (Catalog([7, 9]), {"items": "2", "ids": "integers, 7, 9", "features": "none"}),
        (
            Catalog(["a<b", "c"], polars.DataFrame({"title": ["x", "y"]})),
            {
                "items": "2",
                "ids": "strings, &#x27;a&lt;b&#x27;, &#x27;c&#x27;",
                "features": "frame with columns title",
            },
        ),
        (
            Catalog([1, 2, 3, 4], np.eye(4), provenance={"model": "m"}),
            {
                "items": "4",
                "ids": "integers, 1, 2, 3, ...",
                "features": "float64 of shape (4, 4)",
                "items with a vector": "4 of 4",
                "provenance": "model: m",
            },
        ),
    ],
)
def test_catalog_shows_ids_features_and_where_they_come_from(catalog, expected):
    assert facts(catalog) == expected


def test_a_log_shows_the_features_of_its_catalog_as_the_catalog_does():
    catalog = Catalog(["pen", "ink"], np.eye(2), provenance={"model": "m"})
    found = facts(Interactions(["al", "al"], ["pen", "ink"], catalog=catalog))
    for name in ("features", "items with a vector", "provenance"):
        assert found[name] == facts(catalog)[name]
    assert found["rows"] == "2 of 2 events"
