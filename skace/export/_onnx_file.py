"""ONNX files of networks, with the ids of their items beside."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from hashlib import sha256
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skace._whole_files import replace_file
from skace.export._numpy_model._items import check_exclude_seen, check_k
from skace.export._served import as_int8, model_to_serve, refuse_times, write_items
from skace.export._tree_arrays import tree_arrays
from skace.recommenders import GRAMEstimator, NeuralRecommender

__all__ = ["export_onnx"]

_ANSWERS = ("top_k", "scores", "states")
_TABLE = "item_table"  # name of the initialiser
_LEAST_OPSET = 18  # that torch writes


def export_onnx(
    estimator: Any,
    path: str | os.PathLike[str],
    *,
    answer: Literal["top_k", "scores", "states"] = "top_k",
    k: int | None = None,
    exclude_seen: bool | None = None,
    item_table: Literal["float32", "int8"] = "float32",
    table_file: bool = False,
    opset: int = 18,
) -> Path:
    """Write a network to an ONNX file, and the ids of its items beside it.

    The graph reads item rows, for any number of histories of any length up to
    ``max_length``. `OnnxModel` calls it with ids; other runtimes call it with rows.

    Parameters
    ----------
    estimator : fitted estimator
        A network, also one of your own, a Pipeline that ends in one, or a fitted search over one of
        these.

    path : str or path-like
        Where to write, ending in ``.onnx``. The ids go to a file of this name plus ``.npz``.
        Existing files are replaced.

    answer : {"top_k", "scores", "states"}, default="top_k"
        What the graph returns: the rows and scores of the best items, the scores of all
        items, or the encoder's state of each history (for an index). The inner products
        of states with ``item_vectors_`` are the scores, except for `GRAMEstimator`.

    k : int or None, default=None
        Length of the lists with ``answer="top_k"``; None takes the model's ``k``.

    exclude_seen : bool or None, default=None
        Whether, with ``answer="top_k"``, to leave items of the past out; the graph then reads their
        rows as a third input. None takes the parameter of the model.

    item_table : {"float32", "int8"}, default="float32"
        How item vectors are stored. "int8" takes a quarter of the space, on disk and in memory, and
        less time; each entry is rounded to one of 255 steps of the largest entry of its vector,
        and states to two digits of 129 steps, so that bytes are multiplied.

    table_file : bool, default=False
        Whether to write the item table to a separate file with the ending ``.items``, which
        runtimes map into memory instead of reading it.

    opset : int, default=18
        Version of ONNX's operators, at least 18. In 23 attention and GELU are one operator each, so
        graphs of transformers have fewer steps. It takes a runtime that knows these operators, and
        a torch that writes them.

    Returns
    -------
    path : pathlib.Path
        The ONNX file.

    Raises
    ------
    ImportError
        If onnx or onnxscript are not installed (the extra ``export``).

    TypeError
        If the model is not a network.

    ValueError
        If an argument is refused, or the model needs timestamps.

    See Also
    --------
    export_numpy : For closed forms and neighbours, and for one session at a time.

    Notes
    -----
    Inputs, all int64: ``items`` of shape (batch, length), the rows of the last ``max_length``
    events, oldest first, padded at the end with any row; ``lengths`` of shape (batch,), none of
    them 0; and, if seen items are left out, ``seen`` of shape (batch, n_seen), which may repeat a
    row. Outputs: ``scores`` and ``rows`` of shape (batch, k), best first, or ``scores`` of shape
    (batch, n_items), or ``states`` of shape (batch, width). A network cannot score an empty
    history; `OnnxModel` returns the most popular items for it.

    The file does not hold vectors of items that the model was not fitted on, nor the steps of a
    Pipeline before the model, which make such vectors.

    Stability: provisional.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skace import SASRecEstimator
    >>> from skace.datasets import make_cycle
    >>> from skace.export import OnnxModel, export_onnx
    >>> X = make_cycle(n_users=50, n_items=6, length=8, random_state=0)
    >>> model = SASRecEstimator(k=2, embedding_dim=8, n_layers=1, max_epochs=1,
    ...                         early_stopping=False, random_state=0).fit(X)
    >>> with TemporaryDirectory() as folder:  # doctest: +SKIP
    ...     served = OnnxModel(export_onnx(model, f"{folder}/model.onnx"))
    ...     item_ids, scores = served.recommend([[2, 3, 4], [5]])
    """
    path = Path(path)
    if path.suffix != ".onnx":
        raise ValueError(f"path must end in .onnx, got {str(path)!r}.")
    if answer not in _ANSWERS:
        raise ValueError(f"answer must be one of {_ANSWERS}, got {answer!r}.")
    if item_table not in ("float32", "int8"):
        raise ValueError(f"item_table must be 'float32' or 'int8', got {item_table!r}.")
    _check_opset(opset)
    model = _network_to_serve(estimator)
    k = _length_of_lists(model, k, answer)
    check_exclude_seen(exclude_seen)
    if answer == "states" and exclude_seen is not None:
        raise ValueError(
            f"exclude_seen={exclude_seen} is for lists and scores, but answer='states'; leave it "
            "out."
        )
    excludes = model.exclude_seen if exclude_seen is None else bool(exclude_seen)
    reads_seen = answer == "top_k" and excludes
    n_best = {"top_k": k, "scores": 0, "states": -1}[answer]
    proto = _graph(model, n_best, item_table, reads_seen=reads_seen, opset=int(opset))
    meta = {"answer": answer, "k": k, "exclude_seen": excludes}
    meta["max_length"] = model.architecture_["max_length"]
    # The same in both files, so that those of two models are not taken for one.
    meta["token"] = sha256(proto.SerializeToString()).hexdigest()
    proto.metadata_props.add(key="token", value=meta["token"])
    if table_file:
        _move_table(proto, path.with_suffix(".items"))
    write_items(path.with_name(f"{path.name}.npz"), model, meta)
    replace_file(path, proto.SerializeToString())
    return path


def _network_to_serve(estimator):
    """The network within pipelines and searches."""
    model = model_to_serve(estimator)
    if not isinstance(model, NeuralRecommender):
        raise TypeError(
            f"{type(model).__name__} is no network; use export_numpy, which writes closed forms, "
            "neighbours and popularity."
        )
    refuse_times(model)
    return model


def _length_of_lists(model, k, answer):
    """The parameter k, checked."""
    if k is not None and answer != "top_k":
        raise ValueError(f"k={k!r} is for answer='top_k', but answer={answer!r}; leave it out.")
    n_items = model.item_ids_.size
    if answer != "top_k":
        return min(model.k, n_items)
    k = model.k if k is None else k
    check_k(k, n_items)
    return int(k)


def _check_opset(opset):
    """Raise unless what torch writes ONNX with is installed and knows this version."""
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "export_onnx needs onnx and onnxscript: pip install onnx onnxscript."
        ) from error
    newest = onnx.defs.onnx_opset_version()
    if not isinstance(opset, Integral) or not _LEAST_OPSET <= opset <= newest:
        raise ValueError(
            f"opset must be an integer from {_LEAST_OPSET} to {newest}, which is what torch and "
            f"onnx {onnx.__version__} write, got {opset!r}."
        )


def _graph(model, k, item_table, *, reads_seen, opset):
    """The network as an ONNX model."""
    from skace._torch._served import ServedNetwork, onnx_of

    table, scales = model.item_vectors_, None
    if item_table == "int8":
        table, scales = as_int8(table)
    unscored = model._unscored()
    unscored = np.zeros(0, dtype=np.int64) if unscored is None else np.flatnonzero(unscored)
    network = model._rebuild_network().to("cpu")
    tree = tree_arrays(model) if isinstance(model, GRAMEstimator) else None
    served = ServedNetwork(network, table, scales, unscored, k, tree)
    max_length = model.architecture_["max_length"]
    proto = onnx_of(served, max_length, reads_seen=reads_seen, opset=opset)
    (written,) = (known.version for known in proto.opset_import if not known.domain)
    if written != opset:
        raise ValueError(
            f"opset={opset}, but this version of torch writes {written} and cannot translate it; "
            f"pass opset={written}, or update torch and onnxscript."
        )
    return proto


def _move_table(proto, path):
    """Put the item table into a file of its own."""
    from onnx import numpy_helper
    from onnx.external_data_helper import set_external_data

    (tensor,) = (tensor for tensor in proto.graph.initializer if tensor.name == _TABLE)
    content = numpy_helper.to_array(tensor).tobytes()
    replace_file(path, content)
    tensor.raw_data = content
    set_external_data(tensor, path.name, offset=0, length=len(content))
    tensor.ClearField("raw_data")
