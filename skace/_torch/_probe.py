"""Probe: whether a network sees what it is asked for, found out on made-up windows."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import itertools
from dataclasses import dataclass

import numpy as np
import torch

from skace._torch._batches import Batch, DeviceLog
from skace._torch._network import Network
from skace._typing import BoolArray, IntArray
from skace._windows import Windows

__all__ = ["Sighting", "first_sighting", "made_up_log"]

_MOST_COPIED = 2**20  # entries of a parameter: larger ones are tables of items, and stay
_MOST_WINDOWS, _MOST_PLACES = 4, 3  # that are tried, of a log and of a window
_SPREAD = 0.3  # of the noise that is added to all parameters, so that no gate stays closed
_TOLERANCE = 1e-4  # of the size of a state


@dataclass(frozen=True, slots=True)
class Sighting:
    """A place of a window whose state changes with what it must not see."""

    length: int  # of the window
    place: int  # in it


def made_up_log(max_length: int) -> tuple[BoolArray, IntArray]:
    """Users of several lengths: whether each event is a row, and where users start.

    Parameters
    ----------
    max_length : int
        Most events that a window reads.

    Returns
    -------
    is_row : ndarray of shape (n_events,), dtype bool
        All are.
    offsets : ndarray of shape (n_users + 1,)
        The longest user has more events than a window.
    """
    longest = min(max_length, 12)
    lengths = [2, 3, longest + 1, 2 * longest]
    return np.ones(sum(lengths), dtype=bool), np.concatenate([[0], np.cumsum(lengths)])


def first_sighting(
    network: Network,
    windows: Windows,
    width: int,
    *,
    is_causal: bool,
    perturb: bool = True,
) -> Sighting | None:
    """Place of a window that sees what it is asked for, or None if there is none.

    Each event of the log has a vector of its own. If the vector of the event that a place is
    asked for becomes another one (with ``is_causal`` those of all later events as well), the
    state at the place must stay what it is.

    Parameters
    ----------
    network : Network
        It is not changed, and neither is torch's generator.
    windows : Windows
        Of a log of which all events are rows.
    width : int
        Of the vectors.
    is_causal : bool
        Whether a place must not see anything behind it.
    perturb : bool, default=True
        Whether to look at a copy whose parameters are moved at random, as training might.
    """
    was_training = network.training
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        torch.manual_seed(0)
        probed = _perturbed(network, generator) if perturb else network
        probed.eval()
        n_events = int((windows.starts + windows.lengths).max()) + 1
        vectors = torch.randn(2, n_events, width, generator=generator).to(_device(network))
        cpu = torch.device("cpu")
        events, times = np.arange(n_events), None
        if getattr(network.encoder, "reads_times", False):
            gaps = 2.0 ** (16 * torch.rand(n_events, generator=generator) - 8)
            times = gaps.double().cumsum(0).numpy()
        log = DeviceLog(events, np.ones(n_events), windows, cpu, network.layout, times)
        found = _first(probed, log, vectors, is_causal=is_causal)
    network.train(was_training)
    return found


def _perturbed(network: Network, generator: torch.Generator) -> Network:
    """Copy of a network with noise on its parameters; tables of items are shared."""
    tables = {id(p): p for p in network.parameters() if p.numel() > _MOST_COPIED}
    probed = copy.deepcopy(network, dict(tables))
    for parameter in probed.parameters():
        if id(parameter) not in tables:
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(_SPREAD * noise.to(parameter))
    for buffer in probed.buffers():
        # By a factor, not added to: a mask of zeros and ones has to stay one.
        if buffer.is_floating_point() and buffer.numel() <= _MOST_COPIED:
            factor = 0.5 + torch.rand(buffer.shape, generator=generator)
            buffer.mul_(factor.to(buffer))
    return probed


def _first(
    network: Network, log: DeviceLog, vectors: torch.Tensor, *, is_causal: bool
) -> Sighting | None:
    """First place whose state changes, in some windows of the log."""
    for number in _some(np.arange(log.lengths.size), _MOST_WINDOWS):
        batch = log.batch(np.array([number]))
        places = _some(np.flatnonzero((batch.weights[0] > 0).numpy()), _MOST_PLACES)
        tables = vectors[:1].repeat(1 + places.size, 1, 1)
        for table, place in zip(tables[1:], places, strict=True):
            event = int(batch.targets[0, place])
            end = len(table) if is_causal else event + 1
            table[event:end] = vectors[1, event:end]
        usual, *others = _states(network, batch, tables)
        for states, place in zip(others, places, strict=True):
            change = (states[place] - usual[place]).abs().max()
            if change > _TOLERANCE * (1 + usual[place].abs().max()):
                return Sighting(int(log.lengths[number]), int(place))
    return None


def _some(numbers: IntArray, most: int) -> IntArray:
    """At most so many of the numbers, the first and the last among them."""
    if numbers.size <= most:
        return numbers
    chosen: IntArray = numbers[np.linspace(0, numbers.size - 1, most).astype(np.int64)]
    return chosen


def _states(network: Network, batch: Batch, tables: torch.Tensor) -> torch.Tensor:
    """States (n, T, D) of the one window of a batch, by n tables of vectors of events."""
    # One pass for all: a pass of so little is mostly the way to it.
    numbers = torch.zeros(len(tables), dtype=torch.int64, device=tables.device)
    context = {name: value.to(tables.device)[numbers] for name, value in batch.context.items()}
    read = tables[:, batch.items[0].to(tables.device)]
    states = network.read(read, context)
    if not isinstance(states, torch.Tensor) or states.shape != read.shape:
        shape = tuple(getattr(states, "shape", ()))
        raise ValueError(
            f"the encoder made {type(states).__name__} of shape {shape} of item vectors of shape "
            f"{tuple(read.shape)}; it has to return a state for each place, (B, T, D) as it reads."
        )
    return states


def _device(network: Network) -> torch.device:
    """Where the network is."""
    tensors = itertools.chain(network.parameters(), network.buffers())
    return next((tensor.device for tensor in tensors), torch.device("cpu"))
