"""The tree of items: nodes where items part ways, places of steps, growth."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skace._item_tree import ItemTree

CODES = np.array([[0, 0], [0, 0], [0, 1], [1, 0], [2, 2], [2, 2], [2, 2]])
RANDOM = np.random.default_rng(0).integers(3, size=(40, 4))


def test_nodes_are_where_items_part_ways():
    tree = ItemTree.of_codes(CODES)
    # Not [1]: it has one item; not [2]: all go on alike.
    assert tree.prefixes.tolist() == [[-1, -1], [0, -1], [0, 0], [2, 2]]
    assert tree.parents.tolist() == [-1, 0, 1, 0]
    assert tree.levels.tolist() == [0, 1, 2, 2]
    paths = [[0, 1, 2], [0, 1, 2], [0, 1, -1], [0, -1, -1], [0, 3, -1], [0, 3, -1], [0, 3, -1]]
    assert tree.path_nodes.tolist() == paths


TREES = {
    "small": CODES,
    "random": RANDOM,
    "own codes": np.arange(5)[:, None],
    "one code": np.zeros((5, 3), dtype=int),
    "one item": np.array([[4, 2]]),
    "numbers with gaps": np.array([[7], [900], [7], [31]]),
}


@pytest.mark.parametrize("codes", TREES.values(), ids=TREES)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_steps_lead_to_the_items(codes, share):
    is_warm = np.random.default_rng(1).uniform(size=len(codes)) < share
    tree = ItemTree.of_codes(codes, is_warm)
    for item, path in enumerate(tree.path_nodes):
        nodes, places = path[path >= 0], tree.path_places[item, path >= 0]
        assert nodes[0] == 0
        steps = tree.children[tree.first[nodes] + places]
        assert steps.tolist() == [*nodes[1:], tree.n_nodes + item]
        assert (places < tree.n_children[nodes]).all()
        if is_warm[item]:
            assert (places < tree.n_warm[nodes]).all()
        assert_array_equal(tree.parents[nodes[1:]], nodes[:-1])
    assert sorted(tree.children) == list(range(1, tree.n_nodes + len(codes)))
    assert (tree.n_children[1:] > 1).all()


@pytest.mark.parametrize("codes", TREES.values(), ids=TREES)
def test_cold_children_come_last(codes):
    is_warm = np.arange(len(codes)) % 2 == 0
    tree = ItemTree.of_codes(codes, is_warm)
    below = [(tree.path_nodes == node).any(axis=1) for node in range(tree.n_nodes)]
    leads = np.array([bool(is_warm[has].any()) for has in below] + is_warm.tolist())
    for node in range(tree.n_nodes):
        start, stop = tree.first[node], tree.first[node] + tree.n_children[node]
        found = leads[tree.children[start:stop]]
        assert found.sum() == tree.n_warm[node]
        assert found[: tree.n_warm[node]].all()


@pytest.mark.parametrize("n_before", [1, 5, 20, 39, 40])
def test_nodes_keep_their_numbers_when_items_join(n_before):
    before = ItemTree.of_codes(RANDOM[:n_before])
    grown = ItemTree.of_codes(RANDOM, known=before.prefixes)
    assert_array_equal(grown.prefixes[: before.n_nodes], before.prefixes)
    # Up to their numbers the nodes are those of all items at once.
    anew = ItemTree.of_codes(RANDOM)
    assert sorted(grown.prefixes.tolist()) == sorted(anew.prefixes.tolist())
    assert_array_equal(
        grown.prefixes[grown.path_nodes] * (grown.path_nodes >= 0)[..., None],
        anew.prefixes[anew.path_nodes] * (anew.path_nodes >= 0)[..., None],
    )


def test_the_order_of_the_items_does_not_matter():
    order = np.random.default_rng(2).permutation(len(RANDOM))
    tree, other = ItemTree.of_codes(RANDOM), ItemTree.of_codes(RANDOM[order])
    assert_array_equal(tree.prefixes, other.prefixes)
    assert_array_equal(tree.path_nodes[order], other.path_nodes)
