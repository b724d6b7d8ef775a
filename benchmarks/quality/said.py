"""SAIDTextEncoder beside the mean of the same language model's states, on the most frequent items.

How much the vectors tell of the texts, whether their nearest neighbours are of the same category,
and what SASRec on ACE's form of them finds: leave-one-out with full ranking, as in compare.py.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import logging
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from compare import figures
from measuring import describe_machine, peak_memory
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline
from transformers import AutoModel, AutoTokenizer

from skace import ACETransformer, Catalog, Interactions, SASRecEstimator
from skace.embeddings import SAIDTextEncoder, TextEncoder
from skace.metrics import popularity_groups
from skace.model_selection import leave_last_out


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder, as for compare.py")
    parser.add_argument("--model", required=True, help="folder of a causal language model")
    parser.add_argument("--fields", default="title", help="columns of the texts")
    parser.add_argument("--n-items", type=int, default=3000, help="the most frequent ones")
    parser.add_argument("--epochs", type=int, default=1, help="of the projector")
    parser.add_argument("--learning-rate", type=float, help="of the projector")
    parser.add_argument("--token-dropout", type=float, default=0.0)
    parser.add_argument("--precision", default="float32", help="of the language model")
    parser.add_argument("--cache", type=Path, help="folder in which readings are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--neighbours", type=int, default=10)
    parser.add_argument("--network-epochs", type=int, default=50, help="0 leaves SASRec out")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def read_frequent(folder, n_items, fields):
    """Log of the most frequent items over their texts, and the categories of these items."""
    events = pq.read_table(folder / "interactions.parquet")
    items = pq.read_table(folder / "items.parquet")
    ids, counts = np.unique(events["item_id"].to_numpy(), return_counts=True)
    frequent = ids[np.argsort(-counts, kind="stable")[:n_items]]
    is_text = np.any([np.array(items[name].to_pylist()) != "" for name in fields], axis=0)
    kept = np.isin(items["item_id"].to_numpy(), frequent) & is_text
    items = items.filter(pa.array(kept))
    item_ids = items["item_id"].to_numpy()
    events = events.filter(pa.array(np.isin(events["item_id"].to_numpy(), item_ids)))
    log = Interactions.from_frame(events, catalog=Catalog(item_ids, items.select(fields)))
    return log, [second_level(text) for text in items["categories"].to_pylist()]


def second_level(categories):
    """Second level of the first of several paths, "" where there is none."""
    levels = categories.split(" | ")[0].split(" > ")
    return levels[1] if len(levels) > 1 else ""


def purity(vectors, categories, n_neighbours):
    """Mean share of an item's nearest neighbours, by cosine, that are of its category."""
    labels = np.array(categories)
    rows = np.flatnonzero(labels != "")
    search = NearestNeighbors(n_neighbors=n_neighbours, metric="cosine").fit(vectors[rows])
    found = search.kneighbors(return_distance=False)
    return float((labels[rows][found] == labels[rows][:, None]).mean())


def mean_states(folder, precision):
    """Function from texts to the mean over their tokens of a model's last hidden states."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    model = AutoModel.from_pretrained(folder).eval()
    model = model.to(torch.bfloat16 if precision == "bfloat16" else torch.float32)

    @torch.no_grad()
    def read(texts):
        tokens = tokenizer(
            texts,
            padding=True,
            padding_side="right",
            truncation=True,
            max_length=64,
            return_tensors="pt",
        )
        is_token = tokens["attention_mask"].unsqueeze(2)
        states = model(tokens["input_ids"], tokens["attention_mask"]).last_hidden_state.float()
        return ((states * is_token).sum(dim=1) / is_token.sum(dim=1)).numpy()

    return read


def recommended(X, vectors, arguments):
    """Test figures of SASRec on ACE's form of the vectors."""
    train, test = leave_last_out(X.with_features(vectors))
    network = SASRecEstimator(
        embedding_dim=arguments.width,
        max_epochs=arguments.network_epochs,
        random_state=arguments.seed,
        verbose=True,
    )
    pipeline = Pipeline([("ace", ACETransformer(arguments.width)), ("rec", network)]).fit(train)
    tail = network.item_ids_[popularity_groups(network.item_counts_, head=0.2)["tail"]]
    ranks = network.target_ranks(pipeline[:-1].transform(test))
    return {"epochs": network.n_iter_, **figures(ranks, np.isin(test.items, tail))}


def main(words=None):
    """Learn, compare; print and store the figures."""
    arguments = read_arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    fields = arguments.fields.split(",")
    X, categories = read_frequent(arguments.data, arguments.n_items, fields)
    said = SAIDTextEncoder(
        arguments.model,
        max_epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        token_dropout=arguments.token_dropout,
        precision=arguments.precision,
        cache=arguments.cache,
        random_state=arguments.seed,
        verbose=True,
    )
    pooled = TextEncoder(mean_states(arguments.model, arguments.precision), normalize=False)
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"said_{arguments.data.name}.json"
    names = {name: str(value) for name, value in vars(arguments).items()}
    record = {**describe_machine(), "arguments": names}
    record |= {"items": len(categories), "events": len(X)}
    vectors = {}
    for name, encoder in {"said": said, "mean of states": pooled}.items():
        begin = time.process_time()
        vectors[name] = encoder.fit_transform(X).catalog.features
        record[name] = {"CPU seconds": time.process_time() - begin}
        spread = ACETransformer(arguments.width).fit_transform(vectors[name])
        record[name]["purity"] = purity(vectors[name], categories, arguments.neighbours)
        record[name]["purity after ACE"] = purity(spread, categories, arguments.neighbours)
        if encoder is said:
            record[name] |= {"information": said.information_, "losses": said.loss_curve_}
        store(record, path)
    for name in vectors if arguments.network_epochs else ():
        record[name]["SASRec"] = recommended(X, vectors[name], arguments)
        store(record, path)
    print(json.dumps(record, indent=1))


def store(record, path):
    """Write what is known so far."""
    path.write_text(json.dumps({**record, "peak memory GiB": peak_memory()}, indent=1))


if __name__ == "__main__":
    main()
