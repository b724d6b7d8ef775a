"""Make the folder that the benchmarks read out of two CSV files of yours: events and items.

``leaderboard.py --data FOLDER`` and the others then measure on it. See ``--help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from skace import Catalog, Interactions, TextEncoder


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", type=Path, help="CSV with a line for each event")
    parser.add_argument("items", type=Path, help="CSV with a line for each item")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--user", default="user_id", help="column of the events")
    parser.add_argument("--item", default="item_id", help="column of both files")
    parser.add_argument("--time", default="timestamp", help="column of the events")
    parser.add_argument("--fields", default="title", help="columns of the items that are texts")
    parser.add_argument("--encoder", default="tfidf", help="tfidf, or a sentence encoder's name")
    parser.add_argument("--width", type=int, default=256, help="most numbers of tfidf's vectors")
    parser.add_argument("--k-core", type=int, default=5, help="fewest events of users and items")
    return parser.parse_args(words)


def read_csv(arguments):
    """Events over the items of both files; those without a line have no text."""
    fields = arguments.fields.split(",")
    events = pl.read_csv(arguments.events, infer_schema_length=None)
    items = pl.read_csv(arguments.items, infer_schema_length=None)
    named = items.select(arguments.item, *(pl.col(name).cast(str).fill_null("") for name in fields))
    all_ids = events.select(arguments.item).unique(maintain_order=True)
    texts = all_ids.join(named, on=arguments.item, how="left").with_columns(
        pl.col(fields).fill_null("")
    )
    return Interactions.from_frame(
        events,
        user=arguments.user,
        item=arguments.item,
        timestamp=arguments.time,
        catalog=Catalog.from_frame(texts, item=arguments.item, features=fields),
    )


def vectors_of(texts, encoder, width):
    """A vector for each item; those without a word get the mean of the others."""
    if encoder != "tfidf":
        return TextEncoder(encoder, missing="mean").fit_transform(texts)
    lines = [" ".join(row) for row in texts.iter_rows()]
    counted = TfidfVectorizer().fit_transform(lines)
    width = min(width, counted.shape[1] - 1)
    vectors = TruncatedSVD(width, random_state=0).fit_transform(counted)
    is_empty = ~vectors.any(axis=1)
    vectors[is_empty] = vectors[~is_empty].mean(axis=0)
    return vectors


def main(words=None):
    """Read, choose, encode and write; print what there is."""
    arguments = read_arguments(words)
    X = read_csv(arguments).k_core(arguments.k_core)
    texts = X.catalog.features
    is_empty = texts.select(pl.all_horizontal(pl.all() == "")).to_series()
    vectors = vectors_of(texts, arguments.encoder, arguments.width)
    arguments.output.mkdir(parents=True, exist_ok=True)
    columns = {"user_id": X.users, "item_id": X.items, "timestamp": X.timestamps}
    pl.DataFrame(columns).write_parquet(arguments.output / "interactions.parquet")
    items = pl.DataFrame({"item_id": X.catalog.item_ids}).hstack(texts)
    items.write_parquet(arguments.output / "items.parquet")
    name = Path(arguments.encoder).name
    np.save(arguments.output / f"embeddings_{name}.npy", vectors.astype(np.float32))
    print(X)
    print(
        f"{int(is_empty.sum())} items without a text get the mean of the others; vectors of "
        f"{vectors.shape[1]} numbers"
    )


if __name__ == "__main__":
    main()
