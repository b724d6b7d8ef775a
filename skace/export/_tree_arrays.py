"""The tree of a GRAMEstimator as arrays that are read all at once."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

__all__ = ["tree_arrays"]


def tree_arrays(model):
    """What answers read of the tree.

    Parameters
    ----------
    model : GRAMEstimator
        A fitted one, with G nodes over n items.

    Returns
    -------
    arrays : dict of str to ndarray
        ``children`` of shape (G - 1 + n, D), vectors of what follows each node, by node;
        ``owners``, the number of that node, and ``first``, of shape (G,), where those of each
        begin; ``is_rival``, whether a child takes part in the sum that others are compared with;
        ``read_nodes`` of shape (G, 2D), what the decoder makes of nodes; ``steps`` of shape (n, K),
        places among the children that lead to each item, -1 for none; and ``nodes_above`` of
        shape (n, K - 1), nodes between the root and each item, -1 for none. Where nodes are scored
        by the items below them, and are children of a node, also `_items_below`; where cold items
        get a share of their nodes, also `_shares`.
    """
    tree, state = model._tree(), model.encoder_state_
    vectors = np.concatenate([state["node_vectors"], model.item_vectors_])
    owners = np.repeat(np.arange(tree.n_nodes), tree.n_children)
    places = np.arange(owners.size) - tree.first[owners]
    n_rivals = np.where(tree.n_warm > 0, tree.n_warm, tree.n_children)
    nodes = state["decoder.scale"] * state["node_vectors"]
    nodes = nodes + state["decoder.levels.weight"][tree.levels]
    steps = _steps(tree)
    is_node = tree.children < tree.n_nodes
    speaks = model.architecture_["node_scores"] == "items" and is_node.any()
    return {
        "children": vectors[tree.children],
        "owners": owners,
        "first": tree.first,
        "is_rival": places < n_rivals[owners],
        "read_nodes": nodes @ state["decoder.read_node.weight"].T,
        "steps": steps,
        "nodes_above": tree.path_nodes[:, 1:],
        **(_items_below(tree, steps[:, -1]) if speaks else {}),
        **_shares(tree, model._share_of_cold(), steps),
    }


def _items_below(tree, place):
    """The items that speak for the P nodes that are children, by their places among the children.

    ``spoken_for`` of shape (P,) are these nodes, ``below`` the items, those of each node side by
    side, and ``first_below`` of shape (P,) where they begin.
    """
    below, spoken_for = [], []
    for node in np.flatnonzero(~tree.has_items_only):
        items, child = tree.items_below(node)
        at = tree.first[node] + child
        is_own = tree.children[at] < tree.n_nodes
        below.append(place[items[is_own]])
        spoken_for.append(at[is_own])
    joined, whose = np.concatenate(below), np.concatenate(spoken_for)
    order = np.argsort(whose, kind="stable")
    nodes, first = np.unique(whose[order], return_index=True)
    return {"below": joined[order], "spoken_for": nodes, "first_below": first}


def _shares(tree, cold_share, steps):
    """What the C cold items below nodes with warm items get besides; nothing where there are none.

    ``shared_items`` of shape (C,), ``shared_steps`` of shape (C, K - 1), places among the children
    that lead to the node of each, -1 for none, and ``log_shares`` of shape (C,).
    """
    items, nodes, n_warm = tree.homes_of_cold()
    if cold_share == 0 or items.size == 0:
        return {}
    above = tree.path_nodes[items, 1:]
    is_way = np.cumsum(above == nodes[:, None], axis=1) - (above == nodes[:, None]) == 0
    return {
        "shared_items": items,
        "shared_steps": np.where(is_way, steps[items, :-1], -1),
        "log_shares": np.log(cold_share / n_warm).astype(np.float32),
    }


def _steps(tree):
    """Places among all children that lead to each item, the item itself last, (n, K)."""
    n_items = len(tree.path_nodes)
    place = np.empty(tree.n_nodes + n_items, dtype=np.int64)
    place[tree.children] = np.arange(tree.children.size)
    above = tree.path_nodes[:, 1:]
    items = tree.n_nodes + np.arange(n_items)
    return np.column_stack([np.where(above >= 0, place[above], -1), place[items]])
