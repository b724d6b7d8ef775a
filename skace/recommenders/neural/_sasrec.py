"""SASRecEstimator: self-attentive sequential recommendation."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import Literal, Unpack

from skace._sklearn_compat import Interval, StrOptions
from skace.recommenders.neural._base import NeuralRecommender
from skace.recommenders.neural._network_parameters import NetworkParameters

__all__ = ["SASRecEstimator"]


class SASRecEstimator(NeuralRecommender):
    r"""Self-attentive sequential recommender (SASRec).

    A causal transformer reads a user's past and predicts the next item at every position.
    The item table, which starts from the catalog's features, is both input and output.

    Parameters
    ----------
    k : int, default=10
        Length of the lists that `predict` returns.

    block : {"post", "pre", "ligr", "hstu"}, default="post"
        Transformer block. "post" normalises after each sum. "pre" normalises what enters attention
        and feed-forward instead, which keeps many layers trainable. "ligr" is "pre" with learned
        gates before the sums and a SwiGLU feed-forward (:arxiv:`2502.03417`). "hstu" weighs values
        by the SiLU of the attention products instead of their softmax, and has a gate instead of
        the feed-forward (:arxiv:`2402.17152`).

    positions : {"absolute", "relative", "rotary", "time"}, default="absolute"
        How the network knows the order of events. "absolute" adds a learned vector for each
        position, counted from the start of the window. "relative" learns, in each block and for
        each distance in events, a vector added to keys, one added to values, and a number added to
        each head's scores (:arxiv:`1803.02155`). "rotary" learns nothing and turns queries and keys
        by angles that grow with their positions (:arxiv:`2104.09864`); the width of a head must be
        even. "time" is "relative" plus a number for the time between two events, added to each
        head's scores (:arxiv:`2402.17152`). It needs timestamps in training and at prediction, so
        it does not accept lists of ids. With ``block="hstu"``, "relative" is the number alone, as
        published.

    n_layers : int, default=2
        Number of transformer blocks.

    n_heads : int, default=2
        Attention heads; must divide the width.

    dropout : float, default=0.5
        Share of the entries dropped after the embedding sum and in each block, in [0, 1).

    attention_dropout : float, default=0.3
        Share of the attention weights dropped, in [0, 1).

    **shared
        Parameters of all networks, as in `NeuralRecommender`.

    Attributes
    ----------
    median_gap_ : float
        Median time between a training row and the event before it, without gaps of 0: in days for
        datetimes, else in the unit of the timestamps. Only with ``positions="time"``.

    times_are_dates_ : bool
        Whether the timestamps were datetimes. Only with ``positions="time"``.

    Notes
    -----
    Differences from the paper: blocks normalise after the residual sum, the feed-forward is GELU of
    twice the width, embeddings are normalised, and the loss is the full softmax instead of one
    negative per position. Later studies found that the loss matters most [2]_. Blocks other than
    "post" are followed by a last normalisation.

    A step takes ``O(P D (L D + V))`` time for P positions, width D, L layers and V items. Logits
    are held in blocks of 12 MiB (512 MiB on CUDA). Gated blocks follow [3]_, relative and rotary
    positions [4]_ and [5]_, "hstu" [6]_ with a number for each head. Its time bias comes with
    ``positions="time"``, for all blocks: a learned number for each head and octave. The octave is
    the integer nearest to

    .. math:: \log_2 \frac{|t_q - t_k|}{g}

    and from -31 to 32, for query and key at the times :math:`t_q` and :math:`t_k`. Here g is the
    ``median_gap_`` of the first fit, so the unit and the origin of the times do not matter. Events
    at one moment share the lowest octave. In the published code an octave has 2.3 steps, and the
    time of a query is the time of the target. Here it is the query's own time, so the model does
    not know when the next event comes.

    Stability: provisional.

    References
    ----------
    .. [1] Kang, McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018.
    .. [2] Klenitskiy, Vasilev, "Turning Dross Into Gold Loss: is BERT4Rec really better
       than SASRec?", RecSys 2023, arXiv 2309.07602.
    .. [3] Borisyuk et al., "From Features to Transformers: Redefining Ranking for Scalable
       Impact", 2025, arXiv 2502.03417.
    .. [4] Shaw, Uszkoreit, Vaswani, "Self-Attention with Relative Position Representations",
       NAACL 2018, arXiv 1803.02155.
    .. [5] Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding",
       Neurocomputing 2024, arXiv 2104.09864.
    .. [6] Zhai et al., "Actions Speak Louder than Words: Trillion-Parameter Sequential
       Transducers for Generative Recommendations", ICML 2024, arXiv 2402.17152.

    Examples
    --------
    >>> from skace import SASRecEstimator
    >>> from skace.datasets import make_cycle
    >>> X = make_cycle(n_users=200, n_items=6, length=8, random_state=0)
    >>> model = SASRecEstimator(k=1, embedding_dim=16, learning_rate=0.02, batch_size=32,
    ...                         max_epochs=10, early_stopping=False, random_state=0)
    >>> model.fit(X).predict([[2, 3, 4]])
    array([[5]])
    """

    _parameter_constraints: dict = {
        "block": [StrOptions({"post", "pre", "ligr", "hstu"})],
        "positions": [StrOptions({"absolute", "relative", "rotary", "time"})],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "attention_dropout": [Interval(Real, 0, 1, closed="left")],
    }

    _architecture = (*NeuralRecommender._architecture, "block", "positions", "n_layers", "n_heads")

    def __init__(
        self,
        k: int = 10,
        *,
        block: Literal["post", "pre", "ligr", "hstu"] = "post",
        positions: Literal["absolute", "relative", "rotary", "time"] = "absolute",
        n_layers: int = 2,
        n_heads: int = 2,
        dropout: float = 0.5,
        attention_dropout: float = 0.3,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(k, **shared)
        self.block = block
        self.positions = positions
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.dropout = dropout
        self.attention_dropout = attention_dropout

    def _check_width(self, width):
        check_heads(self.n_heads, width)
        if self.positions == "rotary" and (width // self.n_heads) % 2:
            raise ValueError(
                f'positions="rotary" turns pairs of entries, but a head is {width // self.n_heads} '
                f"wide (width {width}, n_heads={self.n_heads}); choose n_heads or embedding_dim "
                "such that it is even."
            )

    def _reads_times(self):
        return self.positions == "time"

    def _build_encoder(self, width):
        from skace._torch.encoders._sasrec import SASRecEncoder

        return SASRecEncoder(
            width,
            max_length=self.max_length,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
            block=self.block,
            positions=self.positions,
        )


def check_heads(n_heads, width):
    """Raise unless the heads divide the width."""
    if width % n_heads:
        raise ValueError(
            f"n_heads={n_heads} does not divide the width {width}; choose another n_heads, or "
            "another width: embedding_dim, or n_components of a step that makes the item vectors."
        )
