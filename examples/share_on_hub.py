"""Sharing on the Hugging Face Hub
===============================

A model file without code, a card that says what it is, and the way back. Needs ``pip install
huggingface_hub skops``. Without words this writes into a temporary folder that stands for the Hub;
``python examples/share_on_hub.py you/shop-sasrec`` pushes for real, after ``hf auth login``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import shutil
import sys
import tempfile
from pathlib import Path

from huggingface_hub import HfApi, ModelCard, ModelCardData
from sklearn.pipeline import Pipeline

import skace
from skace import ACETransformer, SASRecEstimator, leave_last_out, ndcg_scorer
from skace.datasets import make_shop
from skace.persistence import dump, load

CARD = """
# Next items of a made-up shop

`{pipeline}`, fitted on {n_rows} events of {n_users} users and {n_items} items.

NDCG@10 of each user's last event, among all items: **{score:.4f}**.

The file holds arrays and parameters, no code, no user ids and no histories:

    from huggingface_hub import hf_hub_download
    from skace.persistence import load

    path = hf_hub_download("{repo}", "model.skops")
    model = load(path, sha256="{sha256}")
    model.predict([["an item id", "another one"]])

Written by skace {version}.
"""


class FolderHub:
    """A folder that takes the three calls of `HfApi` which are used here."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def create_repo(self, repo_id, *, exist_ok=False):
        """Make the folder of a repository."""
        (self.folder / repo_id).mkdir(parents=True, exist_ok=exist_ok)

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        """Copy files into it."""
        print(f"{repo_id}: {commit_message}")
        shutil.copytree(folder_path, self.folder / repo_id, dirs_exist_ok=True)

    def hf_hub_download(self, repo_id, filename):
        """Path of a file of it."""
        return str(self.folder / repo_id / filename)


def push(api, repo, model, train, score):
    """Write model and card, and send both; returns the checksum of the file."""
    with tempfile.TemporaryDirectory() as folder:
        sha256 = dump(model, Path(folder) / "model.skops")
        facts = ModelCardData(
            library_name="skace", license="bsd-3-clause", tags=["recommendation", "skops"]
        )
        text = CARD.format(
            pipeline=" -> ".join(type(step).__name__ for step in model),
            n_rows=len(train),
            n_users=train.n_users,
            n_items=train.n_items,
            score=score,
            repo=repo,
            sha256=sha256,
            version=skace.__version__,
        )
        ModelCard(f"---\n{facts.to_yaml()}\n---\n{text}").save(Path(folder) / "README.md")
        api.create_repo(repo, exist_ok=True)
        api.upload_folder(repo_id=repo, folder_path=folder, commit_message="Model and card")
    return sha256


def pull(api, repo, sha256):
    """The model of a repository, if its file is the one that was pushed."""
    return load(api.hf_hub_download(repo, "model.skops"), sha256=sha256)


def main(words):
    """Push a model and take it back."""
    shop = make_shop(n_users=200, n_items=60, n_events=2000, random_state=0)
    train, test = leave_last_out(shop.interactions)
    rec = SASRecEstimator(max_epochs=2, early_stopping=False, random_state=0)
    model = Pipeline([("ace", ACETransformer(n_components=16)), ("rec", rec)]).fit(train)
    score = ndcg_scorer(k=10)(model, test)
    with tempfile.TemporaryDirectory() as folder:
        api, repo = (HfApi(), words[0]) if words else (FolderHub(folder), "you/shop-sasrec")
        sha256 = push(api, repo, model, train, score)
        card = ModelCard.load(api.hf_hub_download(repo, "README.md"))
        again = pull(api, repo, sha256)
    print("card:", card.data.library_name, card.data.tags)
    print("the same answers:", bool((again.predict(test) == model.predict(test)).all()))


if __name__ == "__main__":
    main(sys.argv[1:])
