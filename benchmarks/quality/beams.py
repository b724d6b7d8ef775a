"""What GRAMTextEstimator finds and takes by the number of its beams, on a made-up shop.

The network is a small T5 with random weights over the words of the shop's titles, so the figures
say how beams compare with exact ranks, not what a trained language model reaches. See
``python benchmarks/quality/beams.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from measuring import describe_machine
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from skace import Catalog, Interactions, PopularityEstimator, leave_last_out
from skace.datasets import make_shop
from skace.embeddings import SemanticIdEncoder
from skace.metrics import ndcg_at_k, recall_at_k
from skace.recommenders import EASEEstimator, GRAMTextEstimator

SPECIAL = ["<pad>", "</s>", "<unk>"]
FIXED = ["item", "similar", "items", "text", *";:,?."]


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--events", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--width", type=int, default=64, help="of the network")
    parser.add_argument("--beams", type=int, nargs="+", default=[10, 20, 50])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def made_up_log(arguments):
    """Log of a shop whose items have titles and nothing else."""
    shop = make_shop(
        n_users=arguments.users,
        n_items=arguments.items,
        n_events=arguments.events,
        n_features=32,
        random_state=0,
    )
    X, titles = shop.interactions, [*map(str, shop.item_columns["title"])]
    catalog = Catalog(X.catalog.item_ids, titles)
    return Interactions(X.users, X.items, X.timestamps, catalog=catalog), titles


def write_t5(folder, titles, width):
    """Write a T5 with random weights that reads the words of titles."""
    rules = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]
    )
    words = [word for title in titles for word, _ in rules.pre_tokenize_str(title.lower())]
    known = dict.fromkeys([*SPECIAL, *map(str, range(10)), *FIXED, *words])
    vocabulary = {word: number for number, word in enumerate(known)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), rules
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    config = T5Config(
        vocab_size=len(vocabulary),
        d_model=width,
        d_kv=width // 4,
        d_ff=2 * width,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
    )
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(folder)


def measure(model, rows):
    """Quality, share of the targets that were reached, and seconds of ranking."""
    start = time.perf_counter()
    ranks = model.target_ranks(rows)
    return {
        "ndcg@10": float(ndcg_at_k(ranks, 10)),
        "recall@20": float(recall_at_k(ranks, 20)),
        "reached": float(np.isfinite(ranks).mean()),
        "seconds": time.perf_counter() - start,
    }


def run(words=None):
    """Print a line per number of beams and store all."""
    arguments = read_arguments(words)
    X, titles = made_up_log(arguments)
    train, test = leave_last_out(X)
    n_components = min(32, arguments.items - 1)
    ids = make_pipeline(
        TfidfVectorizer(), TruncatedSVD(n_components), SemanticIdEncoder(8, n_levels=3)
    )
    with tempfile.TemporaryDirectory() as folder:
        write_t5(folder, titles, arguments.width)
        model = GRAMTextEstimator(
            folder,
            semantic_ids=ids,
            neighbors=EASEEstimator(k=1),
            n_neighbors=3,
            max_length=10,
            passage_length=64,
            max_epochs=arguments.epochs,
            early_stopping=False,
            device=arguments.device,
            random_state=0,
        )
        start = time.perf_counter()
        model.fit(train)
    found = {"seconds of an epoch": (time.perf_counter() - start) / arguments.epochs}
    found["loss"] = model.loss_curve_
    popular = measure(PopularityEstimator().fit(train), test)
    print(f"popularity   NDCG@10 {popular['ndcg@10']:.4f}  R@20 {popular['recall@20']:.4f}")
    for n_beams in sorted({*arguments.beams, arguments.items}):
        found[n_beams] = measure(model.set_params(n_beams=n_beams), test)
        name = "exact" if n_beams >= arguments.items else f"{n_beams} beams"
        print(
            f"{name:<12} NDCG@10 {found[n_beams]['ndcg@10']:.4f}  "
            f"R@20 {found[n_beams]['recall@20']:.4f}  "
            f"reached {found[n_beams]['reached']:.1%}  {found[n_beams]['seconds']:.1f} s"
        )
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"beams-{arguments.items}.json"
    about = vars(arguments) | {"output": None} | describe_machine()
    path.write_text(json.dumps(about | {"popularity": popular, "found": found}), encoding="utf-8")
    return found


if __name__ == "__main__":
    run()
