"""What the ties of real logs tell, where the environment names a folder of them."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import warnings
from pathlib import Path

import polars as pl
import pytest

from skace import Catalog, Interactions, leave_last_out
from skace.data._tie_facts import orders_of_ties
from skace.exceptions import TiedTargetsWarning


def read(name, key=None, **options):
    """Log of a data set, with the texts of its items as catalog."""
    folder = os.environ.get("SKACE_DATA")
    if not folder:
        pytest.skip(f"SKACE_DATA does not name a folder with {name}/interactions.parquet")
    path = Path(folder) / name
    if not path.exists():
        pytest.skip(f"SKACE_DATA has no {name}")
    items = pl.read_parquet(path / "items.parquet")
    catalog = Catalog.from_frame(items, features=["source_id", "title"])
    log = pl.read_parquet(path / "interactions.parquet")
    return Interactions.from_frame(log, catalog=catalog, tie_key=key, **options)


def test_beauty_stands_in_the_order_of_the_ids_of_the_shop():
    X = read("beauty", "source_id")
    with pytest.warns(TiedTargetsWarning, match="99.9% ascend, .* times 45.4%") as caught:
        leave_last_out(X)
    assert "of the last events" not in str(caught[0].message)  # 44 %, no more than half
    with warnings.catch_warnings(action="error"):
        leave_last_out(X.reorder_ties("shuffle", random_state=0))


@pytest.mark.parametrize(
    ("name", "key"), [("beauty", None), ("ml-1m", None), ("ml-1m", "source_id")]
)
def test_other_orders_tell_little(name, key):
    X = read(name, key)
    with warnings.catch_warnings(action="error"):
        leave_last_out(X)
    assert all(abs(order.difference) < 0.05 for order in orders_of_ties(X))
