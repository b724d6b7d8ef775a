"""Networks by numpy: T events, width D, H heads; the state of the last event is asked for."""
# SPDX-License-Identifier: BSD-3-Clause

import math

import numpy as np

__all__ = ["by_network", "by_tree", "state_of"]

_BLOCK_ITEMS = 2048  # of a table of int8 that are read as float32 at once


def by_network(rows, meta, w):
    """Inner products of the state of a network with the table."""
    return _inner_products(state_of(rows, meta, w), w)


def state_of(rows, meta, w):
    """What a network makes of a history, (D,)."""
    rows = rows[-meta["max_length"] :]
    x = w["item_vectors"][rows]
    if "item_scales" in w:
        x = x * w["item_scales"][rows, None]
    encode, encoder = _ENCODERS[meta["encoder"]], w.at("encoder")
    if meta["kind"] == "tree":
        return _with_nodes_above(rows, encode(x, meta, encoder.at("fine")), meta, encoder)
    if meta["dual_heads"]:
        views = _dual_views(x, meta, w.at("table"))
        return np.concatenate([encode(view, meta, encoder) for view in views])
    if "user_map.weight" not in encoder:
        return encode(x, meta, encoder)
    state = encode(x, meta, encoder.at("backbone"))
    return state + encoder.linear("user_map", state) if len(x) <= meta["n_tail"] else state


def _inner_products(state, w):
    """Scores of shape (n_items,) by a state (D,)."""
    table = w["item_vectors"]
    if "item_scales" not in w:
        return table @ state
    scores = np.empty(len(table), dtype=np.float32)
    for first in range(0, len(table), _BLOCK_ITEMS):
        block = slice(first, first + _BLOCK_ITEMS)
        scores[block] = table[block].astype(np.float32) @ state
    return scores * w["item_scales"]


def _with_nodes_above(rows, state, meta, w):
    """State of GRAM: with that of the nodes above the items, where there is one."""
    if "mix.weight" not in w:
        return state
    nodes = w["nodes_above"][rows]  # (T, K), -1 for none
    above = (w["node_vectors"][nodes] * (nodes >= 0)[..., None]).sum(axis=1)
    return state + w.linear("mix", _ENCODERS[meta["encoder"]](above, meta, w.at("coarse")))


def by_tree(rows, meta, w):
    """GRAM: how likely the steps are that lead to each item, in nats."""
    state = state_of(rows, meta, w)
    decoder, tree = w.at("encoder.decoder"), w.at("tree")
    read = _gelu(decoder.linear("read_state", state) + tree["read_nodes"])  # (G, 2D)
    queries = decoder.linear("straight", state) + decoder.linear("narrow", read)
    queries = decoder.norm("norm", queries)
    owners, first = tree["owners"], tree["first"]  # of the children of nodes, by their parent
    logits = np.einsum("td,td->t", tree["children"], queries[owners])
    if "below" in tree:
        logits[tree["spoken_for"]] = _by_items(tree, queries)
    rivals = np.where(tree["is_rival"], logits, np.float32(-np.inf))
    peaks = np.maximum.reduceat(rivals, first)
    total = peaks + np.log(np.add.reduceat(np.exp(rivals - peaks[owners]), first))
    steps = np.append(logits - total[owners], np.float32(0))  # the last one for no step
    scores = steps[tree["steps"]].sum(axis=1)
    if "shared_items" in tree:
        cold = tree["shared_items"]
        given = steps[tree["shared_steps"]].sum(axis=1) + tree["log_shares"]
        scores[cold] = np.logaddexp(scores[cold], given)
    return scores


def _by_items(tree, queries):
    """Scores of nodes that are as likely as the items below them, (P,)."""
    below, first = tree["below"], tree["first_below"]
    counts = np.diff(np.append(first, below.size))
    asked_by = np.repeat(tree["owners"][tree["spoken_for"]], counts)
    scores = np.einsum("td,td->t", tree["children"][below], queries[asked_by])
    peaks = np.maximum.reduceat(scores, first)
    shares = np.exp(scores - np.repeat(peaks, counts))
    return peaks + np.log(np.add.reduceat(shares, first))


def _sasrec(x, meta, w):
    if "positions.weight" in w:
        x = x + w["positions.weight"][: len(x)]
    return _transformed(x, meta, w.at("transformer"))[0]


def _bert4rec(x, meta, w):
    x = np.concatenate([x, w["mask.weight"]])  # the event that is asked for
    x = x + w["positions.weight"][: len(x)][::-1]  # counted from the end
    state = _transformed(x, meta, w.at("transformer"), is_causal=False)
    return w.norm("head_norm", _gelu(w.linear("head", state)))[0]


def _gru4rec(x, meta, w):
    for layer in range(meta["n_layers"]):
        inputs = x @ w[f"gru.weight_ih_l{layer}"].T  # (T, 3 hidden_dim): reset, update, new
        recurrent = w[f"gru.weight_hh_l{layer}"].T
        size = len(recurrent)
        state, states = np.zeros(size, dtype=np.float32), []
        for step in inputs:
            again = state @ recurrent
            gates = _sigmoid(step[: 2 * size] + again[: 2 * size])
            new = np.tanh(step[2 * size :] + gates[:size] * again[2 * size :])
            state = new + gates[size:] * (state - new)
            states.append(state)
        x = np.stack(states)
    return w.linear("narrow", x[-1])


def _fmlp(x, meta, w):
    length = meta["max_length"]
    x = np.concatenate([np.zeros((length - len(x), x.shape[1]), dtype=x.dtype), x])
    x = w.norm("norm", x + w["positions.weight"])
    for number in range(meta["n_layers"]):
        block = w.at(f"blocks.{number}")
        spectrum = block["spectrum"][..., 0] + 1j * block["spectrum"][..., 1]
        filtered = np.fft.irfft(np.fft.rfft(x, axis=0) * spectrum, n=length, axis=0)
        x = block.norm("filter_norm", x + filtered.astype(np.float32))
        x = block.norm("feedforward_norm", x + _fed_forward(x, block.at("feedforward")))
    return x[-1]


def _transformed(x, meta, w, *, is_causal=True):
    """State of the last event, (1, D), after all blocks."""
    x = w.norm("norm", x)
    for number in range(meta["n_layers"]):
        is_last = number == meta["n_layers"] - 1
        block = _BLOCKS[meta.get("block", "post")]
        x = block(x, meta, w.at(f"blocks.{number}"), is_causal=is_causal, is_last=is_last)
    return w.norm("last_norm", x) if "last_norm.weight" in w else x


def _post_block(x, meta, w, **where):
    x = _asking(x, where) + _attended(x, meta, w.at("attention"), **where)
    x = w.norm("attention_norm", x)
    return w.norm("feedforward_norm", x + _fed_forward(x, w.at("feedforward")))


def _pre_block(x, meta, w, **where):
    normed = w.norm("attention_norm", x)
    x = _asking(x, where) + _attended(normed, meta, w.at("attention"), **where)
    return x + _fed_forward(w.norm("feedforward_norm", x), w.at("feedforward"))


def _ligr_block(x, meta, w, **where):
    attended = _attended(w.norm("attention_norm", x), meta, w.at("attention"), **where)
    x = _asking(x, where)
    x = x + _sigmoid(w.linear("attention_gate", x)) * attended
    normed, part = w.norm("feedforward_norm", x), w.at("feedforward")
    gate = part.linear("gate", normed)
    fed = part.linear("narrow", gate * _sigmoid(gate) * part.linear("widen", normed))
    return x + _sigmoid(w.linear("feedforward_gate", x)) * fed


def _hstu_block(x, meta, w, *, is_causal, is_last):  # noqa: ARG001 (as the others)
    normed, width = w.norm("norm", x), x.shape[1]
    weight, bias = w["gate_qkv.weight"], w["gate_qkv.bias"]
    asking = normed[-1:] if is_last else normed
    asked = _silu(asking @ weight[: 2 * width].T + bias[: 2 * width])
    read = _silu(normed @ weight[2 * width :].T + bias[2 * width :])
    query, key, value = (
        _by_head(part, meta) for part in (asked[:, width:], read[:, :width], read[:, width:])
    )
    mixed = _summed(query, key, value, w.at("positions"), meta)
    mixed = asked[:, :width] * w.norm("mixed_norm", mixed, eps=1e-6)
    return (x[-1:] if is_last else x) + w.linear("mix_heads", mixed)


def _summed(query, key, value, w, meta):
    """Values summed by SiLU of their products with queries, the last ones: (n, D)."""
    n, length = query.shape[1], key.shape[1]
    places = np.arange(length - n, length)
    back = places[:, None] - np.arange(length)  # (n, T) events that a key stands before
    if meta.get("positions") == "rotary":
        query, key = _turned(query, places), _turned(key, np.arange(length))
    alike = query @ key.transpose(0, 2, 1)
    if meta.get("positions") == "relative":
        alike = alike + w["scores.weight"][np.maximum(back, 0)].transpose(2, 0, 1)
    weights = np.where(back < 0, np.float32(0), _silu(alike)) / np.float32(meta["max_length"])
    return (weights @ value).transpose(1, 0, 2).reshape(n, -1)


def _asking(x, where):
    """Events whose states are asked for, (n, D): in the last block the last one alone."""
    return x[-1:] if where["is_last"] else x


def _fed_forward(x, w):
    return w.linear("narrow", _gelu(w.linear("widen", x)))


def _attended(x, meta, w, *, is_causal, is_last):
    """Self-attention, (n, D)."""
    weight, bias, width = w["qkv.weight"], w["qkv.bias"], x.shape[1]
    asking = x[-1:] if is_last else x
    query = _by_head(asking @ weight[:width].T + bias[:width], meta)
    both = x @ weight[width:].T + bias[width:]
    key, value = _by_head(both[:, :width], meta), _by_head(both[:, width:], meta)
    mixed = _mixed(query, key, value, w.at("positions"), meta.get("positions"), is_causal)
    return w.linear("mix_heads", mixed)


def _by_head(x, meta):
    """Split (T, D) into (H, T, D / H)."""
    return x.reshape(len(x), meta["n_heads"], -1).transpose(1, 0, 2)


def _mixed(query, key, value, w, positions=None, is_causal=True):
    """Values mixed by how queries, the last ones, and keys agree: (n, D)."""
    n, (length, size) = query.shape[1], key.shape[1:]
    places = np.arange(length - n, length)
    back = places[:, None] - np.arange(length)  # (n, T) events that a key stands before
    if positions == "rotary":
        query, key = _turned(query, places), _turned(key, np.arange(length))
    alike = query @ key.transpose(0, 2, 1)
    if positions == "relative":
        offsets = np.maximum(back, 0)
        alike = alike + np.einsum("hnd,ntd->hnt", query, w["keys.weight"][offsets])
    alike = alike / np.float32(math.sqrt(size))
    if positions == "relative":
        alike = alike + w["scores.weight"][offsets].transpose(2, 0, 1)
    if is_causal:
        alike = np.where(back < 0, np.float32(-np.inf), alike)
    weights = np.exp(alike - alike.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    mixed = weights @ value
    if positions == "relative":
        mixed = mixed + np.einsum("hnt,ntd->hnd", weights, w["values.weight"][offsets])
    return mixed.transpose(1, 0, 2).reshape(n, -1)


def _turned(x, places):
    """Turn each pair of neighbouring entries by an angle that grows with its place."""
    size = x.shape[2]
    rates = np.float32(10_000.0) ** -(np.arange(0, size, 2, dtype=np.float32) / size)
    angles = places[:, None].astype(np.float32) * rates
    cos, sin = np.cos(angles), np.sin(angles)
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1).reshape(x.shape)


def _dual_views(x, meta, w):
    """Two views of a history, each of which has asked the other one."""
    half = x.shape[1] // 2
    x = x * np.float32(math.sqrt(half))
    views, heads = (x[:, :half], x[:, half:]), {"n_heads": meta["dual_heads"]}
    if "places" in w:
        views = tuple(view + w["places"][: len(x)] for view in views)
    found = []
    for name, asking, asked in (("collaborative", *views[::-1]), ("semantic", *views)):
        part = w.at(f"to_{name}")
        query = _by_head(part.linear("query", asking), heads)
        key, value = (_by_head(part.linear(role, asked), heads) for role in ("key", "value"))
        found.append(part.linear("mix_heads", _mixed(query, key, value, part)))
    if meta.get("dual_residual"):
        found = [view + answer for view, answer in zip(views, found, strict=True)]
    return found


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _silu(x):
    return x * _sigmoid(x)


def _gelu(x):
    """``x`` times the normal distribution function, by erf of Abramowitz and Stegun, 7.1.26."""
    z = np.abs(x) * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = (
        t
        * (
            0.254829592
            + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
        )
        * np.exp(-z * z)
    )
    return x * (0.5 + 0.5 * np.sign(x) * (1 - tail))


_ENCODERS = {"sasrec": _sasrec, "bert4rec": _bert4rec, "gru4rec": _gru4rec, "fmlp": _fmlp}
_BLOCKS = {"post": _post_block, "pre": _pre_block, "ligr": _ligr_block, "hstu": _hstu_block}
