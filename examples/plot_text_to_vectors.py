"""
From texts to vectors, with an encoder of your own
==================================================

:class:`~skace.TextEncoder` turns the texts of a catalog into vectors as the first step of a
Pipeline. Usually a language model does this (write ``TextEncoder()``), or a server
(``TextEncoder(HttpModel(...))``). Here it is a function, so that this page needs no download.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# A catalog of texts
# ------------------
# The shop and its titles are **made up**. The words of a title tell category and style.

import pandas as pd

from skace import Catalog, Interactions, leave_last_out
from skace.datasets import make_shop

shop = make_shop(n_users=1500, n_items=800, n_events=9000, random_state=0)
items = pd.DataFrame(shop.item_columns)
catalog = Catalog.from_frame(items, features=["title", "category"])
X = Interactions.from_frame(shop.interactions.to_frame("pandas"), catalog=catalog)
X_train, X_test = leave_last_out(X)
print(items.head(3).to_string(index=False))

# %%
# An encoder
# ----------
# Any function from a list of texts to an array will do: a client of some service, a model of
# another library, or, as here, words and parts of words in 256 buckets. ``template`` says how the
# columns of an item become a text. ``revision`` is your name for this version of the function;
# vectors are cached under it.

from sklearn.feature_extraction.text import HashingVectorizer

from skace import TextEncoder
from skace.embeddings import FunctionModel

hashing = HashingVectorizer(n_features=256, analyzer="char_wb", ngram_range=(3, 5))


def count_pieces(texts):
    """Return vectors of shape (n_texts, 256)."""
    return hashing.transform(texts).toarray()


encoder = TextEncoder(
    FunctionModel(count_pieces, revision="pieces-1"),
    template="A product of a beauty shop: {title}, {category}.",
)
vectors = encoder.fit_transform(X_train)
print(vectors.catalog.features.shape)
print(encoder.provenance_)

# %%
# Near and far
# ------------
# Neighbours by cosine make sense, but *every* pair of items looks alike: all texts share the words
# of the template, as all vectors of a language model share a direction. ACE removes this.

import numpy as np

from skace import ACETransformer

F = vectors.catalog.features
order = np.argsort(-(F @ F[0]))
for item in order[[0, 1, 2, 3, -1]]:
    print(f"{F[item] @ F[0]:.2f}  {items['title'][item]}, {items['category'][item]}")

# %%
import matplotlib.pyplot as plt

from skace.inspection import AnisotropyDisplay

ace = ACETransformer(64).fit(vectors)
AnisotropyDisplay.from_estimator(ace, vectors, random_state=0)
plt.show()

# %%
# In a Pipeline
# -------------
# The Pipeline goes from texts to recommendations. The encoder reuses the vectors from above: it
# never encodes the same texts twice, even in a search.

from sklearn.pipeline import Pipeline

from skace import SASRecEstimator, ndcg_scorer

training = {"n_layers": 1, "dropout": 0.2, "learning_rate": 0.003, "random_state": 0}
pipe = Pipeline(
    [
        ("text", encoder),
        ("ace", ACETransformer(64)),
        ("rec", SASRecEstimator(k=3, **training)),
    ]
).fit(X_train)
plain = SASRecEstimator(embedding_dim=64, **training).fit(X_train.with_features(None))
score = ndcg_scorer(k=10)
print(f"texts encoded in this fit: {pipe['text'].n_encoded_}")
print(f"with texts     NDCG@10 {score(pipe, X_test):.3f}")
print(f"without texts  NDCG@10 {score(plain, X_test):.3f}")
