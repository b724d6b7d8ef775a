"""Products of dense float32 matrices on a CPU, by the faster of torch's two libraries."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["Linear", "linear", "matmul", "stable_linear"]

_FEWEST = 2**12  # entries of a matrix for which the detour pays
_TILE = 4  # rows of a thread from which both libraries sum all columns in the same order


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """`torch.nn.functional.linear`: ``x @ weight.T + bias``.

    torch hands float32 products to MKL, which does not do its best on processors that are not
    Intel's. A convolution with a 1 x 1 kernel is the same product, and goes to oneDNN: on an
    AMD EPYC with AVX-512 at 300 to 400 GFLOP/s on two cores, where MKL reaches 100 to 180.

    Parameters
    ----------
    x : torch.Tensor of shape (..., K)
        Rows.
    weight : torch.Tensor of shape (N, K)
        Matrix.
    bias : torch.Tensor of shape (N,) or None, default=None
        Added to each row.

    Returns
    -------
    product : torch.Tensor of shape (..., N)
        As `torch.nn.functional.linear` returns, but for rounding.
    """
    if not _is_convolved(x, weight):
        return F.linear(x, weight, bias)
    return _as_rows(F.conv2d(_as_image(x), weight[:, :, None, None], bias), x)


def matmul(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Product ``x @ weight`` of (..., K) and (K, N), in the same way as `linear`."""
    if not _is_convolved(x, weight):
        return x @ weight
    return _as_rows(F.conv_transpose2d(_as_image(x), weight[:, :, None, None]), x)


def stable_linear(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Product ``x @ weight.T``, equal in columns whose rows of the matrix are equal.

    On a CPU a thread with fewer than four rows sums the last columns in another order than
    those before, and equal items would not tie. Rows of zeros fill up the threads.

    Parameters
    ----------
    x : torch.Tensor of shape (n, K)
        Rows.
    weight : torch.Tensor of shape (N, K)
        Matrix.

    Returns
    -------
    product : torch.Tensor of shape (n, N)
        As `linear` returns, but for rounding.
    """
    if x.device.type != "cpu":
        return linear(x, weight)
    n_missing = -len(x) % (_TILE * torch.get_num_threads())
    return linear(F.pad(x, (0, 0, 0, n_missing)), weight)[: len(x)]


class Linear(nn.Linear):
    """`torch.nn.Linear` by `linear`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (..., K) to (..., N)."""
        return linear(x, self.weight, self.bias)


def _is_convolved(x: torch.Tensor, weight: torch.Tensor) -> bool:
    # Not by the number of rows: the result of a row must not depend on those beside it.
    return (
        not torch.compiler.is_compiling()  # a graph that others run is to hold products
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and weight.numel() >= _FEWEST
        and x.numel() > 0
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and not torch.is_autocast_enabled("cpu")
    )


def _as_image(x: torch.Tensor) -> torch.Tensor:
    """Rows (..., K) as the pixels of an image (1, K, 1, n), channels last: nothing is moved."""
    return x.contiguous().view(1, 1, -1, x.shape[-1]).permute(0, 3, 1, 2)


def _as_rows(image: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Back to (..., N) with the leading shape of x."""
    return image.permute(0, 2, 3, 1).reshape(*x.shape[:-1], image.shape[1])
