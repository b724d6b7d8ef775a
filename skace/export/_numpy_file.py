"""Files of models that numpy alone can answer."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import shutil
from pathlib import Path
from typing import Any, Literal

import scipy.sparse as sp

from skace.export import _numpy_model
from skace.export._served import as_int8, model_to_serve, refuse_times, write_items
from skace.export._tree_arrays import tree_arrays
from skace.item_tables import DualViewTable
from skace.recommenders import (
    BERT4RecEstimator,
    FMLPEstimator,
    GRAMEstimator,
    GRU4RecEstimator,
    ItemKNNEstimator,
    LinearRecommender,
    MELTEstimator,
    NeuralRecommender,
    PopularityEstimator,
    SASRecEstimator,
)

__all__ = ["export_numpy"]

_ENCODERS = {
    SASRecEstimator: "sasrec",
    BERT4RecEstimator: "bert4rec",
    GRU4RecEstimator: "gru4rec",
    FMLPEstimator: "fmlp",
    GRAMEstimator: "sasrec",
}
_BY_WEIGHTS = (LinearRecommender._score, ItemKNNEstimator._score)


def export_numpy(
    estimator: Any,
    path: str | os.PathLike[str],
    *,
    item_table: Literal["float32", "int8"] = "float32",
    reader: bool = False,
) -> Path:
    """Write a model to a file that needs only numpy for predictions.

    `NumpyModel` reads the file; it needs neither torch nor scikit-learn. Its folder imports only
    numpy, so you can copy it to the machine that serves.

    Parameters
    ----------
    estimator : fitted estimator
        A closed form, neighbours, popularity or a network of skace, a Pipeline that ends in one, or
        a fitted search over one of these.

    path : str or path-like
        Where to write, ending in ``.npz``. An existing file is replaced in one step, when the new
        file is complete.

    item_table : {"float32", "int8"}, default="float32"
        How the item vectors of a network are stored. "int8" takes a quarter of the space; each
        entry is rounded to one of 255 steps of the largest entry of its vector.

    reader : bool, default=False
        Whether to write the folder ``skace_numpy_model``, which holds `NumpyModel`, beside the
        file.

    Returns
    -------
    path : pathlib.Path
        The file.

    Raises
    ------
    TypeError
        If there is no recommender, or numpy cannot compute its predictions: ensembles, custom
        networks, and custom item tables that take part in the encoder.

    ValueError
        If the path or ``item_table`` is refused, or the model needs timestamps.

    See Also
    --------
    export_onnx : For networks of any kind, and many histories at once.

    Notes
    -----
    Histories are lists of ids. The file does not hold vectors of items that the model was not
    fitted on, nor the steps of a Pipeline before the model, which make such vectors.

    Stability: provisional.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import skace
    >>> from skace.export import NumpyModel, export_numpy
    >>> model = skace.EASEEstimator(k=1, regularization=1).fit([["pen", "ink"], ["ink", "cap"]])
    >>> with TemporaryDirectory() as folder:
    ...     served = NumpyModel(export_numpy(model, f"{folder}/model.npz"))
    >>> item_ids, scores = served.recommend([["pen"], ["cap"]])
    >>> item_ids
    array([['ink'],
           ['ink']], dtype='<U3')
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"path must end in .npz, got {str(path)!r}.")
    if item_table not in ("float32", "int8"):
        raise ValueError(f"item_table must be 'float32' or 'int8', got {item_table!r}.")
    model = model_to_serve(estimator)
    refuse_times(model)
    if isinstance(model, NeuralRecommender):
        meta, arrays = _network(model, item_table)
    elif item_table != "float32":
        raise ValueError(
            f"item_table={item_table!r} is for networks, but {type(model).__name__} has no table "
            "of item vectors; leave it out."
        )
    else:
        meta, arrays = _sums_over_events(model)
    write_items(path, model, meta, arrays)
    if reader:
        shutil.copytree(
            Path(_numpy_model.__file__).parent,
            path.with_name("skace_numpy_model"),
            ignore=shutil.ignore_patterns("__pycache__"),
            dirs_exist_ok=True,
        )
    return path


def _sums_over_events(model):
    """Closed forms, neighbours and popularity: what is written of them."""
    if type(model) is PopularityEstimator:
        return {"kind": "popularity"}, {"item_vectors": model.item_vectors_}
    if type(model)._score not in _BY_WEIGHTS:
        raise TypeError(_without_answers(model))
    if model.history_decay is not None and model.decay_by == "time":
        raise ValueError(
            f"{type(model).__name__} has decay_by='time', which reads timestamps, and a served "
            "history has none; set decay_by='events'."
        )
    meta = {"kind": "weights", "history_decay": model.history_decay}
    coef = model.coef_
    if not sp.issparse(coef):
        return meta, {"coef": coef}
    rows = sp.csr_array(coef)
    return meta, {"data": rows.data, "indices": rows.indices, "indptr": rows.indptr}


def _network(model, item_table):
    """A network: what is written of it."""
    from skace.item_tables import ItemModule

    backbone = model.backbone_ if type(model) is MELTEstimator else model
    encoder = _ENCODERS.get(type(backbone))
    if encoder is None:
        raise TypeError(_without_answers(model))
    is_dual = type(model.item_table_) is DualViewTable
    if not is_dual and type(model._fitted_network().items).encode is not ItemModule.encode:
        raise TypeError(
            f"{type(model.item_table_).__name__} takes part in the encoder in a way that numpy "
            "has no answers of; use export_onnx."
        )
    is_tree = type(model) is GRAMEstimator
    if is_tree and (is_dual or item_table == "int8"):
        raise ValueError(
            "GRAMEstimator is written for numpy with item_table='float32', and not on a "
            "DualViewTable; use export_onnx, or leave item_table out."
        )
    meta = {
        # Readers of format 1 do not know what stands around the cross-attention of two views.
        "format": 2 if is_dual else 1,
        "kind": "tree" if is_tree else "network",
        "encoder": encoder,
        "dual_heads": model.item_table_.n_heads if is_dual else 0,
        "dual_residual": is_dual and model.item_table_.residual,
        "n_tail": model._n_tail() if type(model) is MELTEstimator else 0,
        **model.architecture_,
    }
    arrays = {f"encoder.{name}": value for name, value in model.encoder_state_.items()}
    if is_dual:
        parts = ("to_collaborative.", "to_semantic.")
        arrays |= {
            f"table.{name}": value
            for name, value in model.item_table_state_.items()
            if name.startswith(parts) or name == "places"
        }
    if is_tree:
        tree = tree_arrays(model)
        arrays["encoder.nodes_above"] = tree.pop("nodes_above")
        arrays |= {f"tree.{name}": value for name, value in tree.items()}
    arrays["item_vectors"] = model.item_vectors_
    if item_table == "int8":
        arrays["item_vectors"], arrays["item_scales"] = as_int8(model.item_vectors_)
    return meta, arrays


def _without_answers(model):
    """Reason why a model cannot be written."""
    return (
        f"{type(model).__name__} cannot be written for numpy, which answers closed forms, "
        "neighbours, popularity, SASRec, BERT4Rec, GRU4Rec, FMLP, GRAM and MELT, as skace "
        "defines them; use export_onnx for other networks."
    )
