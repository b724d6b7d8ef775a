"""Positions that attention itself knows: by the offset of query and key, or by turning both."""
# SPDX-License-Identifier: BSD-3-Clause

import torch
import torch.nn.functional as F
from torch import nn

from skace._torch.encoders._gaps import GapScores
from skace._torch.encoders._layers import Dropout

__all__ = ["PointwisePositions", "RelativePositions", "RotaryPositions", "make_positions"]

_QUERIES, _WEIGHTS = 64, 2**21  # of a block on a CPU; fewer weights were slower
_SLOWEST = 10_000.0  # positions after which the slowest pair has turned by about one radian


class RelativePositions(nn.Module):
    """Causal attention with learned vectors for how far back an event stands.

    For each offset there is a vector added to keys and one added to values, shared by the heads
    (Shaw, Uszkoreit, Vaswani 2018, eq. 3 and 4), and a number for each head added to the scores.
    With ``reads_times`` the scores have a number for each head and octave of the time between the
    events as well (Zhai et al. 2024, section 3.1).
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        max_length: int,
        dropout: float,
        *,
        reads_times: bool = False,
    ) -> None:
        super().__init__()
        self.keys = nn.Embedding(max_length, width // n_heads)
        self.values = nn.Embedding(max_length, width // n_heads)
        self.scores = nn.Embedding(max_length, n_heads)
        self.times = GapScores(n_heads) if reads_times else None
        self.dropout = Dropout(dropout)

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        places: torch.Tensor | None = None,
        gaps: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Mix values (B, H, T, D / H) by keys and as many queries, or by one at ``places``.

        ``gaps`` (B, T, T) are octaves of the time between events, if times are read.
        """
        if places is not None:
            return self._at_places(query, key, value, places, gaps)
        # A GPU is filled by all at once, and an exported graph has no blocks.
        if not self.training or query.device.type != "cpu":
            return self._last_queries(query, key, value, gaps)
        n_windows, n_queries = _block_size(*query.shape[1:3])
        # `split`: the gradient of each slice of windows would be as large as all of them.
        queries, keys, values = (torch.split(x, n_windows) for x in (query, key, value))
        times = [None] * len(queries) if gaps is None else torch.split(gaps, n_windows)
        by_window = zip(queries, keys, values, times, strict=True)
        return torch.cat([self._windows(n_queries, *some) for some in by_window])

    def _windows(
        self,
        n_queries: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        gaps: torch.Tensor | None,
    ) -> torch.Tensor:
        """The same, for ``n_queries`` at a time with the keys that they see."""
        parts, end = [], 0
        for some in torch.split(query, n_queries, dim=2):
            begin, end = end, end + some.shape[2]
            by_time = None if gaps is None else gaps[:, begin:end, :end]
            parts.append(self._last_queries(some, key[:, :, :end], value[:, :, :end], by_time))
        return torch.cat(parts, dim=2)

    def _last_queries(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        gaps: torch.Tensor | None,
    ) -> torch.Tensor:
        """The same for the last queries, (B, H, Q, D / H), of T keys."""
        Q, T, scale = query.shape[2], key.shape[2], key.shape[3] ** -0.5
        by_offset = [table.weight[:T].flip(0) for table in (self.keys, self.values, self.scores)]
        keys, values, scores = (table.to(query.dtype) for table in by_offset)
        alike = query @ key.transpose(2, 3) + by_place(query @ keys.T)
        alike = alike * scale + by_place(scores.T[:, None].expand(-1, Q, -1))
        if self.times is not None:
            alike = alike + self.times(gaps, None).to(alike.dtype)
        is_later = torch.ones(Q, T, dtype=torch.bool, device=key.device).triu(1 + T - Q)
        weights = self.dropout(alike.masked_fill(is_later, -torch.inf).softmax(dim=3))
        weights = weights.to(value.dtype)
        mixed: torch.Tensor = weights @ value + by_offset_again(weights) @ values
        return mixed

    def _at_places(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        places: torch.Tensor,
        gaps: torch.Tensor | None,
    ) -> torch.Tensor:
        """The same for one query a window, with the vectors of its offsets added out."""
        offsets = places[:, None] - torch.arange(key.shape[2], device=key.device)  # (B, T)
        seen = offsets.clamp(min=0)
        scores = self.scores(seen).masked_fill(offsets[:, :, None] < 0, -torch.inf)
        scores = scores.permute(0, 2, 1)[:, :, None]  # (B, H, 1, T)
        if self.times is not None:
            scores = scores + self.times(gaps, places)
        return F.scaled_dot_product_attention(
            query,
            key + self.keys(seen)[:, None].to(key.dtype),
            value + self.values(seen)[:, None].to(value.dtype),
            attn_mask=scores.to(query.dtype),
        )


def by_place(x: torch.Tensor) -> torch.Tensor:
    """From offsets to keys: (..., Q, T) of the last Q queries of T to (..., Q, T).

    Entry [i, j] is that of the offset of query and key, which stands in column T - 1 - offset.
    What is above the diagonal means nothing. Shifts each row by one more than the row before by
    reading a row that is one longer, as Huang et al. 2018 (Music Transformer, section 3.4.1).
    """
    Q = x.shape[-2]
    longer = F.pad(x, (1, 0))  # (..., Q, T + 1)
    return longer.flatten(-2)[..., Q:].reshape(x.shape)


def by_offset_again(x: torch.Tensor) -> torch.Tensor:
    """The way back of `by_place`, for (..., Q, T) that is 0 above the diagonal."""
    Q, T = x.shape[-2:]
    longer = F.pad(x.flatten(-2), (Q, 0))
    return longer.reshape(*x.shape[:-1], T + 1)[..., 1:]


def _block_size(H: int, T: int) -> tuple[int, int]:
    """Windows and queries whose weights are found at once, so that a CPU's cache holds them."""
    n_queries = -(-T // -(-T // _QUERIES))
    return max(1, _WEIGHTS // (H * n_queries * T)), n_queries


class RotaryPositions(nn.Module):
    """Causal attention of queries and keys that are turned by angles growing with their place.

    Their product then depends on the offset alone (Su et al. 2021, RoFormer, eq. 34), whatever
    the greatest length is.
    """

    rates: torch.Tensor

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("rates", turning_rates(width // n_heads), persistent=False)
        self.dropout = dropout

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        places: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Mix values (B, H, T, D / H) by keys and as many queries, or by one at ``places``."""
        steps = torch.arange(key.shape[2], device=key.device)
        query, key = turned(query, key, places, self.rates)
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if places is None else (steps <= places[:, None])[:, None, None],
            is_causal=places is None,
            dropout_p=self.dropout if self.training else 0.0,
        )


def turning_rates(width: int) -> torch.Tensor:
    """Radians by which each pair of entries turns from one place to the next, (width / 2,)."""
    rates: torch.Tensor = _SLOWEST ** -(torch.arange(0, width, 2) / width)
    return rates


def turned(
    query: torch.Tensor, key: torch.Tensor, places: torch.Tensor | None, rates: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Queries and keys (B, H, T, D / H) turned by their places."""
    steps = torch.arange(key.shape[2], device=key.device)
    asked = steps if places is None else places[:, None, None]
    return _turned(query, asked, rates), _turned(key, steps, rates)


def _turned(x: torch.Tensor, places: torch.Tensor, rates: torch.Tensor) -> torch.Tensor:
    """Turn (B, H, T, D / H), each pair of neighbouring entries in its plane."""
    angles = places[..., None] * rates  # (..., T, D / 2 H)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    pairs = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
    return pairs.flatten(3)


class PointwisePositions(nn.Module):
    """Causal sums of values, each weighed by SiLU of its product with the query.

    Divided by the greatest length, as the published code does, so that a long past weighs more
    than a short one (Zhai et al. 2024, eq. 2). "relative" adds to the products a number for each
    offset and head; "time" adds one for each octave of the time between the events and head as
    well; "rotary" turns queries and keys; "absolute" does none of it.
    """

    rates: torch.Tensor

    def __init__(
        self, kind: str, width: int, n_heads: int, max_length: int, dropout: float
    ) -> None:
        super().__init__()
        self.max_length = max_length
        self.dropout = Dropout(dropout)
        counts_back = kind in ("relative", "time")
        self.scores = nn.Embedding(max_length, n_heads) if counts_back else None
        self.times = GapScores(n_heads) if kind == "time" else None
        self.is_rotary = kind == "rotary"
        if self.is_rotary:
            self.register_buffer("rates", turning_rates(width // n_heads), persistent=False)

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        places: torch.Tensor | None = None,
        gaps: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Sum values (B, H, T, D / H) by keys and as many queries, or by one at ``places``.

        ``gaps`` (B, T, T) are octaves of the time between events, if times are read.
        """
        if self.is_rotary:
            query, key = turned(query, key, places, self.rates)
        steps = torch.arange(key.shape[2], device=key.device)
        asked = steps[None] if places is None else places[:, None]  # (1, T) or (B, 1)
        back = asked[:, :, None] - steps  # how far back each key stands, (1 or B, T or 1, T)
        alike = query @ key.transpose(2, 3)
        if self.scores is not None:
            alike = alike + self.scores(back.clamp(min=0)).permute(0, 3, 1, 2).to(alike.dtype)
        if self.times is not None:
            alike = alike + self.times(gaps, places).to(alike.dtype)
        weights = F.silu(alike).masked_fill(back[:, None] < 0, 0.0) / self.max_length
        summed: torch.Tensor = self.dropout(weights) @ value
        return summed


def make_positions(
    kind: str, block: str, width: int, n_heads: int, max_length: int, dropout: float
) -> nn.Module | None:
    """What lets the attention of one block know places; None if nothing does."""
    if block == "hstu":
        return PointwisePositions(kind, width, n_heads, max_length, dropout)
    if kind in ("relative", "time"):
        reads_times = kind == "time"
        return RelativePositions(width, n_heads, max_length, dropout, reads_times=reads_times)
    return RotaryPositions(width, n_heads, dropout) if kind == "rotary" else None
