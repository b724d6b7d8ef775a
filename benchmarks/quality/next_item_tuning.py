"""What a text encoder gains from the log: neighbours and SASRec on its vectors, tuned and untuned.

Ranks validation rows, or test rows with ``--test``: the encoder and what stands behind it see none
of them. Each ``--tune`` is one training of ``ContrastiveTextEncoder(objective="next_item")``, with
parameters in place of its defaults; the untuned encoder comes first, with the same seeds of SASRec.
Gains are paired, rows resampled, each row's score averaged over the seeds of SASRec; the encoder is
tuned once. See ``python benchmarks/quality/next_item_tuning.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import ast
import json
import time
from pathlib import Path

import numpy as np
from from_texts import read_texts
from measuring import describe_machine
from sklearn.pipeline import make_pipeline

from skace import ACETransformer, Catalog, Interactions, SASRecEstimator
from skace.embeddings import ContrastiveTextEncoder, LocalModel, TextEncoder
from skace.metrics import ndcg_at_k, paired_bootstrap, recall_at_k
from skace.model_selection import leave_last_out
from skace.recommenders import ItemKNNEstimator


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder, as for compare.py")
    parser.add_argument("--model", required=True, help="name or folder of a sentence encoder")
    parser.add_argument("--fields", default="title,brand,categories", help="columns of the texts")
    parser.add_argument("--users", type=int, help="as many users, drawn, and their items")
    parser.add_argument("--items", type=int, help="the most frequent items only")
    parser.add_argument(
        "--tune", action="append", default=[], help="learning_rate=5e-5,max_epochs=2 and so on"
    )
    parser.add_argument("--seeds", default="0", help="of SASRec; the encoder has 0")
    parser.add_argument("--sasrec", action="store_true", help="fit SASRec on ACE's vectors, too")
    parser.add_argument("--width", type=int, default=128, help="of ACE and SASRec")
    parser.add_argument("--epochs", type=int, default=12, help="of SASRec")
    parser.add_argument("--test", action="store_true", help="rank test rows")
    parser.add_argument("--cache", type=Path, help="folder in which encoded texts are kept")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def smaller(X, n_items, n_users):
    """The log of the most frequent items and of some users, drawn, who took three or more."""
    ids, counts = np.unique(X.items, return_counts=True)
    X = X[np.isin(X.items, ids[np.argsort(-counts, kind="stable")][:n_items])]
    ids, counts = np.unique(X.users, return_counts=True)
    users = np.random.default_rng(0).permutation(ids[counts >= 3])[:n_users]
    X = X[np.isin(X.users, users)]
    rows = np.flatnonzero(np.isin(X.catalog.item_ids, X.items))
    catalog = Catalog(X.catalog.item_ids[rows], X.catalog.features.take(rows))
    return Interactions(X.users, X.items, X.timestamps, catalog=catalog)


def parameters_of(words):
    """Parameters by name from "learning_rate=5e-5,lora_rank=8"."""
    pairs = [word.split("=") for word in words.split(",") if word]
    return {name: ast.literal_eval(value) for name, value in pairs}


def ranks_of_neighbours(X, rows):
    """Rank of each row's item among the nearest texts of those before it, seen ones left out."""
    model = ItemKNNEstimator(k=1, cooccurrence_weight=0.0, n_neighbors=500, exclude_seen=True)
    return model.fit(X).target_ranks(rows)


def ranks_of_sasrec(X, rows, arguments, seed):
    """Rank of each row's item by SASRec on ACE's vectors, seen ones left out."""
    network = SASRecEstimator(
        embedding_dim=arguments.width,
        positions="relative",
        early_stopping=False,
        max_epochs=arguments.epochs,
        learning_rate=0.003,
        learning_rate_schedule="linear",
        random_state=seed,
    )
    pipe = make_pipeline(ACETransformer(arguments.width), network).fit(X)
    return network.target_ranks(pipe[:-1].transform(rows), exclude_seen=True)


def count_tokens(model, catalog, fields):
    """Tokens of the text of all items."""
    from sentence_transformers import SentenceTransformer

    columns = [catalog.features[field].to_pylist() for field in fields]
    texts = [". ".join(filter(None, row)) for row in zip(*columns, strict=True)]
    tokenizer = SentenceTransformer(str(model), device="cpu").tokenizer
    return sum(map(len, tokenizer(texts, truncation=True)["input_ids"]))  # without padding


def figures(ranks):
    return {"R@20": recall_at_k(ranks, 20), "N@10": ndcg_at_k(ranks, 10)}


def measure(encoder, train, rows, arguments, seeds):
    """Seconds of the encoder, and ranks by what stands on its vectors."""
    begin, cpu = time.perf_counter(), time.process_time()
    encoded = encoder.fit(train).transform(train)
    record = {"seconds": time.perf_counter() - begin, "CPU seconds": time.process_time() - cpu}
    asked = encoder.transform(rows)
    ranks = {"neighbours": [ranks_of_neighbours(encoded, asked)]}
    if arguments.sasrec:
        ranks["SASRec"] = [ranks_of_sasrec(encoded, asked, arguments, seed) for seed in seeds]
    told = {name: [figures(one) for one in found] for name, found in ranks.items()}
    return record | told, ranks


def gains(ranks, plain):
    """NDCG@10 by tuned vectors beside that by untuned ones, by model."""
    told = {}
    for name, tuned in ranks.items():
        tuned_scores, plain_scores = (
            np.mean([ndcg_at_k(one, 10, average=False) for one in found], axis=0)
            for found in (tuned, plain[name])
        )
        found = paired_bootstrap(tuned_scores, plain_scores, random_state=0)
        told[name] = {
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
            "ratio": float(tuned_scores.mean() / plain_scores.mean()),
        }
    return told


def split(arguments, fields):
    """Rows to learn from and rows to rank."""
    X = read_texts(arguments.data, fields)
    if arguments.users or arguments.items:
        X = smaller(X, arguments.items, arguments.users)
    train, test = leave_last_out(X)
    return (train, test) if arguments.test else leave_last_out(train)


def main(words=None):
    """Measure the untuned encoder and every tuned one; print, store and return the figures."""
    arguments = read_arguments(words)
    fields, seeds = arguments.fields.split(","), [int(seed) for seed in arguments.seeds.split(",")]
    train, rows = split(arguments, fields)
    n_tokens = count_tokens(arguments.model, train.catalog, fields)
    print(
        f"{len(train)} rows to learn from, {len(rows)} to rank, {train.n_items} items of "
        f"{n_tokens} tokens"
    )
    plain = TextEncoder(LocalModel(str(arguments.model)), fields=fields, cache=arguments.cache)
    record, untuned = measure(plain, train, rows, arguments, seeds)
    records = [{"tune": None, **record}]
    print(json.dumps(records[-1]), flush=True)
    for words in arguments.tune:
        encoder = ContrastiveTextEncoder(
            str(arguments.model),
            fields=fields,
            objective="next_item",
            random_state=0,
            store_weights=False,
        ).set_params(**parameters_of(words))
        record, tuned = measure(encoder, train, rows, arguments, seeds)
        n_trained = n_tokens * 2 * encoder.n_iter_
        record |= {
            "gain in N@10": gains(tuned, untuned),
            "loss": encoder.loss_curve_,
            "tokens per CPU second": n_trained / record["CPU seconds"],
        }
        records.append({"tune": words, **record})
        print(json.dumps(records[-1]), flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows_of = "test" if arguments.test else "validation"
    path = arguments.output / f"next_item_tuning_{arguments.data.name}_{rows_of}.json"
    names = {name: str(value) for name, value in vars(arguments).items()}
    path.write_text(
        json.dumps({**describe_machine(), "arguments": names, "fits": records}, indent=1)
    )
    return records


if __name__ == "__main__":
    main()
