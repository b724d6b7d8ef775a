"""Tests of products by way of convolutions: they are what torch's own products are."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest
import torch
import torch.nn.functional as F

from skace._torch import _products
from skace._torch._network import Network
from skace._torch._products import Linear, linear, matmul, stable_linear
from skace._torch.tables._frozen import FrozenItems

WIDE, NARROW = (96, 64), (5, 4)  # which the detour pays for, and which not


@pytest.fixture
def draw():
    """Function that draws a float32 tensor."""
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator)


@pytest.fixture
def convolutions(monkeypatch):
    """Shapes of the kernels of all convolutions."""
    shapes = []

    def noting(compute):
        def convolve(x, weight, *options):
            shapes.append(tuple(weight.shape))
            return compute(x, weight, *options)

        return convolve

    for name in ("conv2d", "conv_transpose2d"):
        monkeypatch.setattr(_products.F, name, noting(getattr(F, name)))
    return shapes


@pytest.mark.parametrize("shape", [WIDE, NARROW])
@pytest.mark.parametrize("leading", [(7,), (1,), (2, 3), (0,), (2, 0), ()])
@pytest.mark.parametrize("has_bias", [False, True])
def test_linear_and_matmul_are_those_of_torch(draw, shape, leading, has_bias):
    weight, bias = draw(*shape), draw(shape[0]) if has_bias else None
    x, y = draw(*leading, shape[1]), draw(*leading, shape[0])
    torch.testing.assert_close(linear(x, weight, bias), F.linear(x, weight, bias))
    torch.testing.assert_close(matmul(y, weight), y @ weight)


def test_gradients_are_those_of_torch(draw):
    inputs = [draw(5, 4, WIDE[1]), draw(*WIDE), draw(WIDE[0])]
    found, expected = [], []
    for compute, gradients in ((linear, found), (F.linear, expected)):
        leaves = [tensor.clone().requires_grad_() for tensor in inputs]
        compute(*leaves).square().sum().backward()
        gradients += [leaf.grad for leaf in leaves]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("shape", [WIDE, NARROW])
@pytest.mark.parametrize("n_rows", [0, 1, 3, 8, 13])
def test_stable_products_are_those_of_torch(draw, shape, n_rows):
    weight, x = draw(*shape), draw(n_rows, shape[1])
    found = stable_linear(x, weight)
    assert found.shape == (n_rows, shape[0])
    torch.testing.assert_close(found, x @ weight.T)


@pytest.mark.parametrize(("n_threads", "n_rows", "computed"), [(1, 1, 4), (1, 8, 8), (3, 13, 24)])
def test_every_thread_gets_whole_tiles(draw, monkeypatch, n_threads, n_rows, computed):
    sizes = []

    def noting(x, weight):
        sizes.append(len(x))
        return linear(x, weight)

    monkeypatch.setattr(_products, "linear", noting)
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    stable_linear(draw(n_rows, 5), draw(7, 5))
    assert sizes == [computed]


def test_scores_of_a_network_are_stable_products(draw, monkeypatch):
    sizes = []
    network = Network(torch.nn.Identity(), FrozenItems(draw(7, 5)), 3)
    monkeypatch.setattr(
        _products, "linear", lambda x, weight: sizes.append(len(x)) or linear(x, weight)
    )
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert network.inner_products(draw(1, 5).numpy()).shape == (1, 7)
    assert sizes == [8]


def test_rows_that_are_not_contiguous(draw):
    weight, x = draw(*WIDE), draw(WIDE[1], 9).T
    torch.testing.assert_close(linear(x, weight), F.linear(x, weight))
    torch.testing.assert_close(linear(x, weight[32:]), F.linear(x, weight[32:]))


def test_large_float32_matrices_take_the_detour(draw, convolutions):
    layer = Linear(WIDE[1], WIDE[0])
    layer(draw(3, WIDE[1]))
    matmul(draw(3, WIDE[0]), layer.weight)
    expected = [(96, 64, 1, 1)] * 2 if torch.backends.mkldnn.is_available() else []
    assert convolutions == expected


def test_the_rest_does_not(draw, convolutions):
    linear(draw(3, NARROW[1]), draw(*NARROW))
    linear(draw(3, WIDE[1]).double(), draw(*WIDE).double())
    linear(draw(3, WIDE[1]).bfloat16(), draw(*WIDE).bfloat16())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert linear(draw(3, WIDE[1]), draw(*WIDE)).dtype == torch.bfloat16
    assert convolutions == []
