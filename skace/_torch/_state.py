"""Fitted state as numpy arrays, and back."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from skace._typing import FloatArray

__all__ = ["load_state", "state_as_numpy", "table_as_numpy"]


def state_as_numpy(module: nn.Module) -> dict[str, FloatArray]:
    """Copies of all parameters and persistent buffers."""
    return {
        name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()
    }


def table_as_numpy(items: nn.Module, state: Mapping[str, FloatArray]) -> FloatArray:
    """The table, float32; an entry of ``state`` itself where that is the table.

    A plain table is its own state: one array then serves both, in memory and in files.
    """
    table = items().detach()
    for name, value in items.state_dict().items():
        if value.data_ptr() == table.data_ptr() and value.shape == table.shape:
            return state[name]
    vectors: FloatArray = table.float().cpu().numpy().copy()
    return vectors


def load_state(
    module: nn.Module, state: Mapping[str, FloatArray], *, may_grow: bool = False
) -> None:
    """Fill a module; with ``may_grow``, rows that the state does not have keep their values.

    That is how items join: a table that is built for more items takes over the rows of
    the old one.
    """
    own = module.state_dict()
    missing = own.keys() ^ state.keys()
    if missing:
        raise ValueError(f"the state does not fit the module; they differ in {sorted(missing)}.")
    with torch.no_grad():
        for name, value in own.items():
            # Files may be memory-mapped read-only; torch wants an array it could write to.
            saved = torch.from_numpy(np.array(state[name])).to(value.device)
            _check_fit(name, saved, value, may_grow=may_grow)
            rows = value[: saved.shape[0]] if saved.ndim else value
            rows.copy_(saved)


def _check_fit(name: str, saved: torch.Tensor, own: torch.Tensor, *, may_grow: bool) -> None:
    """Raise unless a saved tensor may take the place of a module's own."""
    is_longer = saved.shape[:1] > own.shape[:1]
    is_same = saved.shape == own.shape
    if saved.shape[1:] != own.shape[1:] or is_longer or not (may_grow or is_same):
        raise ValueError(
            f"{name} has shape {tuple(own.shape)}, the saved one {tuple(saved.shape)}."
        )
    are_floats = saved.is_floating_point() and own.is_floating_point()
    if not are_floats and saved.dtype != own.dtype:
        raise ValueError(f"{name} holds {own.dtype}, the saved one {saved.dtype}.")
