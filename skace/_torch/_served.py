"""ServedNetwork: a network that answers rows of items in one graph, and that graph as ONNX."""
# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from skace._torch._network import Network
from skace._typing import FloatArray, IntArray

__all__ = ["ServedNetwork", "onnx_of"]

# Digits of [-64, 64] and bytes of [-127, 127]: processors add two products in 16 bits.
_BASE, _HALF = 128, 64
_FLOAT, _UINT8 = 1, 2  # ONNX's numbers of types


class ServedTree(nn.Module):
    """Scores of the items of a `GRAMEncoder`, all nodes at once.

    Parameters
    ----------
    decoder : SiblingDecoder
        Of a tree of G nodes over n items.
    arrays : mapping of str to ndarray
        As ``skace.export`` makes them: ``children``, ``owners``, ``first``, ``is_rival``,
        ``read_nodes`` and ``steps``, and perhaps ``below``, ``first_below`` and ``spoken_for``, or
        ``shared_items``, ``shared_steps`` and ``log_shares``.
    """

    tokens: torch.Tensor
    is_rival: torch.Tensor
    read_nodes: torch.Tensor
    steps: torch.Tensor
    below: torch.Tensor
    is_below: torch.Tensor
    asked_by: torch.Tensor
    spoken_for: torch.Tensor
    shared_items: torch.Tensor
    shared_steps: torch.Tensor
    log_shares: torch.Tensor

    def __init__(self, decoder: nn.Module, arrays: Mapping[str, FloatArray]) -> None:
        super().__init__()
        self.decoder: Any = decoder
        owners = arrays["owners"]
        places = np.arange(owners.size) - arrays["first"][owners]
        shape = (arrays["first"].size, int(places.max()) + 1)  # (G, C), filled up behind
        tokens = np.zeros((*shape, arrays["children"].shape[1]), dtype=np.float32)
        tokens[owners, places] = arrays["children"]
        is_rival = np.zeros(shape, dtype=bool)
        is_rival[owners, places] = arrays["is_rival"]
        # The last place is that of no step.
        slots = owners * shape[1] + places  # of the children
        slots_or_none = np.append(slots, shape[0] * shape[1])
        steps = slots_or_none[arrays["steps"]]
        for name, value in (("tokens", tokens), ("is_rival", is_rival), ("steps", steps)):
            self.register_buffer(name, torch.from_numpy(value))
        self.register_buffer("read_nodes", torch.from_numpy(np.array(arrays["read_nodes"])))
        self.sums_items = "below" in arrays
        if self.sums_items:
            self._keep_items_below(arrays, slots)
        self.shares = "shared_items" in arrays
        if self.shares:
            shared = {"shared_steps": slots_or_none[arrays["shared_steps"]]}
            shared |= {name: arrays[name] for name in ("shared_items", "log_shares")}
            for name, value in shared.items():
                self.register_buffer(name, torch.from_numpy(value))

    def _keep_items_below(self, arrays: Mapping[str, FloatArray], slots: IntArray) -> None:
        """What scores of P nodes by the items below them read, filled up to (P, M) items."""
        nodes, first = arrays["spoken_for"], arrays["first_below"]
        counts = np.diff(np.append(first, arrays["below"].size))
        row = np.repeat(np.arange(nodes.size), counts)
        place = np.arange(row.size) - first[row]
        below = np.zeros((nodes.size, int(counts.max())), dtype=np.int64)
        below[row, place] = slots[arrays["below"]]
        is_below = np.arange(below.shape[1]) < counts[:, None]
        kept = {"below": below, "is_below": is_below, "spoken_for": slots[nodes]}
        kept["asked_by"] = arrays["owners"][nodes]
        for name, value in kept.items():
            self.register_buffer(name, torch.from_numpy(value))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Logarithms of probabilities (B, n) after states (B, D)."""
        straight = self.decoder.straight(states)[:, None]
        read = self.decoder.read_state(states)[:, None]
        queries = self.decoder(straight, read, self.read_nodes)  # (B, G, D)
        logits = torch.einsum("bgd,gcd->bgc", queries, self.tokens)
        if self.sums_items:
            logits = self._with_nodes_by_items(logits, queries)
        rivals = logits.masked_fill(~self.is_rival, -torch.inf)
        logits = logits - rivals.logsumexp(dim=2, keepdim=True)
        steps = F.pad(logits.flatten(1), (0, 1))  # (B, G C + 1)
        scores = steps[:, self.steps].sum(dim=2)
        if not self.shares:
            return scores
        given = steps[:, self.shared_steps].sum(dim=2) + self.log_shares
        both = torch.logaddexp(scores[:, self.shared_items], given)
        return scores.scatter(1, self.shared_items.expand(len(both), -1), both)

    def _with_nodes_by_items(self, logits: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        """Logits (B, G, C) in which nodes have the sum of the items below them."""
        vectors = self.tokens.flatten(0, 1)[self.below]  # (P, M, D)
        scores = torch.einsum("bpd,pmd->bpm", queries[:, self.asked_by], vectors)
        sums = scores.masked_fill(~self.is_below, -torch.inf).logsumexp(dim=2)
        places = self.spoken_for.expand(len(sums), -1)
        return logits.flatten(1).scatter(1, places, sums).view_as(logits)


class ServedNetwork(nn.Module):
    """What a server runs: right-padded rows of items in, states, scores or best items out.

    Parameters
    ----------
    network : Network
        Its encoder answers; its item table is left behind.
    table : ndarray of shape (n_items, D), float32 or int8
        Item vectors.
    scales : ndarray of shape (n_items,), float32, or None
        Of a table of int8, what each row is to be multiplied by.
    unscored : ndarray of shape (n_unscored,)
        Rows that are never recommended.
    k : int
        Length of the lists; 0 for the scores of all items, -1 for states.
    tree : mapping of str to ndarray or None, default=None
        See `ServedTree`; None where scores are inner products.
    """

    item_table: torch.Tensor
    item_scales: torch.Tensor
    unscored: torch.Tensor

    def __init__(
        self,
        network: Network,
        table: FloatArray,
        scales: FloatArray | None,
        unscored: IntArray,
        k: int,
        tree: Mapping[str, FloatArray] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        encoder: Any = network.encoder
        self.tree = None if tree is None else ServedTree(encoder.decoder, tree)
        self.k = k
        self.has_scales = scales is not None
        self.has_unscored = unscored.size > 0
        self.register_buffer("item_table", torch.from_numpy(np.array(table)))
        is_out = np.zeros(len(table), dtype=bool)
        is_out[unscored] = True
        if scales is not None:
            self.register_buffer("item_scales", torch.from_numpy(np.array(scales)))
        if self.has_unscored:
            self.register_buffer("unscored", torch.from_numpy(is_out))

    def forward(
        self, items: torch.Tensor, lengths: torch.Tensor, seen: torch.Tensor | None = None
    ) -> Any:
        """States (B, D), scores (B, n_items), or scores and rows of the best, each (B, k).

        Parameters
        ----------
        items : torch.Tensor of shape (B, T), int64
            Rows of the last events, T at most ``max_length``; behind an end stands any row.
        lengths : torch.Tensor of shape (B,), int64
            Events of each history, none of them 0.
        seen : torch.Tensor of shape (B, n_seen), int64, or None, default=None
            Rows that are not to come again; the same one may stand there several times.
        """
        question = self.network.layout.question(items, lengths)
        x = F.embedding(question.items, self.item_table).float()
        if self.has_scales:
            x = x * self.item_scales[question.items][:, :, None]
        states = self.network.states_at(question, x)
        if self.k < 0:
            return states
        scores = self._scores(states)
        if self.has_unscored:
            scores = scores.masked_fill(self.unscored, -torch.inf)
        if seen is not None:
            scores = scores.scatter(1, seen, -torch.inf)
        if self.k == 0:
            return scores
        best = torch.topk(scores, self.k, dim=1)
        return best.values, best.indices

    def _scores(self, states: torch.Tensor) -> torch.Tensor:
        """Scores (B, n_items) of all items after states (B, D)."""
        if self.tree is not None:
            of_leaves: torch.Tensor = self.tree(states)
            return of_leaves
        if not self.has_scales:
            return F.linear(states, self.item_table.float())
        digits, steps = two_digits(states)
        products: torch.Tensor = whole_products(digits, self.item_table)
        high, low = products[: len(states)], products[len(states) :]
        return (high * _BASE + low) * steps * self.item_scales


def two_digits(states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows as whole numbers of two digits each, in [-64, 64], and the size of a step of each row.

    One digit errs more than an item table of int8 does, two err by a sixtieth of that.

    Parameters
    ----------
    states : torch.Tensor of shape (B, D)
        What is rounded, each row by its own largest entry.

    Returns
    -------
    digits : torch.Tensor of shape (2 B, D)
        The high ones, then the low ones.
    steps : torch.Tensor of shape (B, 1)
        ``(128 * high + low) * steps`` is what is left of the states.
    """
    steps = states.abs().amax(dim=1, keepdim=True).clamp(min=1e-30) / (_HALF * _BASE)
    whole = torch.round(states / steps)
    high = torch.round(whole / _BASE)
    return torch.cat([high, whole - high * _BASE]), steps


@torch.library.custom_op("skace::whole_products", mutates_args=())
def whole_products(digits: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Inner products (M, n) of digits (M, D) and rows of int8 (n, D); one operator of ONNX."""
    return F.linear(digits, table.float())


@whole_products.register_fake
def _(digits: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    return digits.new_empty(digits.shape[0], table.shape[0])


def _onnx_whole_products(digits: Any, table: Any) -> Any:
    """Product of bytes: those of the digits without sign, as processors multiply such pairs."""
    from onnxscript import opset18

    op: Any = opset18  # whose types are those of eager mode
    zero = op.Constant(value_float=float(_HALF))
    whole = op.Cast(op.Add(digits, zero), to=_UINT8)
    products = op.MatMulInteger(whole, op.Transpose(table, perm=[1, 0]), op.Cast(zero, to=_UINT8))
    return op.Cast(products, to=_FLOAT)


_TRANSLATED: Any = {torch.ops.skace.whole_products.default: _onnx_whole_products}


def onnx_of(served: ServedNetwork, max_length: int, *, reads_seen: bool, opset: int) -> Any:
    """The graph as an ONNX model, with sizes of batch, history and seen items left open."""
    served.eval()
    # Sizes that differ, and are not 1: others would be taken for one another, or for fixed.
    items = torch.zeros(7, min(3, max_length), dtype=torch.int64)
    inputs = {"items": items, "lengths": torch.ones(7, dtype=torch.int64)}
    if reads_seen:
        inputs["seen"] = torch.zeros(7, 5, dtype=torch.int64)
    names = {-1: ["states"], 0: ["scores"]}.get(served.k, ["scores", "rows"])
    shapes = {
        name: {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(value.shape) if size > 1}
        for name, value in inputs.items()
    }
    _forget_gru()
    with _quiet():
        program = torch.onnx.export(
            served,
            (),
            kwargs=inputs,
            input_names=list(inputs),
            output_names=names,
            dynamic_shapes=shapes,
            opset_version=opset,
            dynamo=True,
            custom_translation_table=_TRANSLATED,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _forget_gru() -> None:
    """Let torch look up anew how to trace a GRU.

    An export leaves behind that it is taken apart, step by step of the length at hand, so a second
    one of the same process would fail.
    """
    remembered = getattr(torch.ops.aten.gru.input, "_dispatch_cache", {})
    remembered.clear()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on its own insides from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
