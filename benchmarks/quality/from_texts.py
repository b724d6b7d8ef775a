"""From item texts to test figures in one pipeline: TextEncoder, ACETransformer, SASRecEstimator.

Leave-one-out with full ranking, as in compare.py. Where the folder has vectors of the same encoder,
those of the pipeline are compared with them.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import logging
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from compare import figures
from measuring import describe_machine, peak_memory
from sklearn.pipeline import Pipeline

from skace import ACETransformer, Catalog, Interactions, SASRecEstimator
from skace.embeddings import TextEncoder
from skace.metrics import popularity_groups
from skace.model_selection import leave_last_out


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder, as for compare.py")
    parser.add_argument("--encoder", required=True, help="name or folder of a sentence encoder")
    parser.add_argument("--fields", default="title,brand,categories", help="columns of the texts")
    parser.add_argument("--stored", help="file of vectors in the folder to compare with")
    parser.add_argument("--cache", type=Path, help="folder in which encoded texts are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=50, help="most epochs of the fit")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--precision", default="auto", help="of SASRec's products in training")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def read_texts(folder, fields):
    """Interactions whose catalog holds texts, no vectors."""
    items = pq.read_table(folder / "items.parquet")
    catalog = Catalog(items["item_id"].to_numpy(), items.select(fields))
    return Interactions.from_frame(pq.read_table(folder / "interactions.parquet"), catalog=catalog)


def cosines(vectors, others):
    """Cosine of each row with the same row of the other matrix."""
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(others, axis=1)
    return (vectors * others).sum(axis=1) / lengths


def main(words=None):
    """Fit and rank; print and store the figures."""
    arguments = read_arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    fields = arguments.fields.split(",")
    train, test = leave_last_out(read_texts(arguments.data, fields))
    network = SASRecEstimator(
        embedding_dim=arguments.width,
        max_epochs=arguments.epochs,
        precision=arguments.precision,
        random_state=arguments.seed,
        verbose=True,
    )
    text = TextEncoder(arguments.encoder, fields=fields, cache=arguments.cache)
    steps = [("text", text), ("ace", ACETransformer(arguments.width)), ("rec", network)]
    pipeline = Pipeline(steps)
    begin = time.perf_counter()
    pipeline.fit(train)
    record = {"fit seconds": time.perf_counter() - begin, "epochs": network.n_iter_}
    tail = network.item_ids_[popularity_groups(network.item_counts_, head=0.2)["tail"]]
    is_tail = np.isin(test.items, tail)
    for history in ("kept", "masked"):
        ranks = network.target_ranks(test, exclude_seen=history == "masked")
        record[history] = figures(ranks, is_tail)
    if arguments.stored:
        vectors = pipeline["text"].transform(train).catalog.features
        stored = np.load(arguments.data / arguments.stored).astype(np.float32)
        record["least cosine with the stored vectors"] = float(cosines(vectors, stored).min())
    record["peak memory GiB"] = peak_memory()
    print(json.dumps(record, indent=1))
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"from_texts_{arguments.data.name}.json"
    names = {name: str(value) for name, value in vars(arguments).items()}
    path.write_text(json.dumps({**describe_machine(), "arguments": names, **record}, indent=1))


if __name__ == "__main__":
    main()
