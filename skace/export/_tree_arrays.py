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
        shape (n, K - 1), nodes between the root and each item, -1 for none.
    """
    tree, state = model._tree(), model.encoder_state_
    vectors = np.concatenate([state["node_vectors"], model.item_vectors_])
    owners = np.repeat(np.arange(tree.n_nodes), tree.n_children)
    places = np.arange(owners.size) - tree.first[owners]
    n_rivals = np.where(tree.n_warm > 0, tree.n_warm, tree.n_children)
    nodes = state["decoder.scale"] * state["node_vectors"]
    nodes = nodes + state["decoder.levels.weight"][tree.levels]
    return {
        "children": vectors[tree.children],
        "owners": owners,
        "first": tree.first,
        "is_rival": places < n_rivals[owners],
        "read_nodes": nodes @ state["decoder.read_node.weight"].T,
        "steps": _steps(tree),
        "nodes_above": tree.path_nodes[:, 1:],
    }


def _steps(tree):
    """Places among all children that lead to each item, the item itself last, (n, K)."""
    n_items = len(tree.path_nodes)
    place = np.empty(tree.n_nodes + n_items, dtype=np.int64)
    place[tree.children] = np.arange(tree.children.size)
    above = tree.path_nodes[:, 1:]
    items = tree.n_nodes + np.arange(n_items)
    return np.column_stack([np.where(above >= 0, place[above], -1), place[items]])
