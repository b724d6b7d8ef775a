"""What one value of alpha does to the vectors of several encoders.

For each file of vectors: the mean cosine of its rows, and the participation ratio (directions in
use) of what ACETransformer makes of them for each alpha, counted in mean eigenvalues of the Gram
matrix about the mean (the default) and, for comparison, of the Gram matrix as it is, which the
common direction of a narrow cone fills. See docs/benchmarks/alpha.rst.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
from pathlib import Path

import numpy as np

from skace import ACETransformer


def directions_in_use(vectors, alpha, n_components, *, about_mean):
    """Participation ratio of the output."""
    ace = ACETransformer(n_components, alpha=alpha)
    if not about_mean:  # unit rows: their squared lengths add up to their number
        n_rows, n_features = vectors.shape
        ace.set_params(alpha=alpha * n_rows / n_features, alpha_mode="absolute")
    return ace.fit(vectors).anisotropy_["after"]["participation_ratio"]


def main(words=None):
    """Print a line for each file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="embeddings_*.npy")
    parser.add_argument("--alphas", default="0.1,1,10")
    parser.add_argument("--components", type=int, default=128)
    arguments = parser.parse_args(words)
    alphas = [float(alpha) for alpha in arguments.alphas.split(",")]
    print(f"directions in use of {arguments.components}, alpha {arguments.alphas}")
    for path in arguments.files:
        vectors = np.load(path).astype(np.float32)
        mean = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)
        both = (
            " ".join(
                f"{directions_in_use(vectors, a, arguments.components, about_mean=about):4.0f}"
                for a in alphas
            )
            for about in (True, False)
        )
        columns = "   as it is ".join(both)
        print(f"{path.parent.name}/{path.stem}: cosine {mean @ mean:.3f}, about the mean {columns}")


if __name__ == "__main__":
    main()
