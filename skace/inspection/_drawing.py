"""What all displays share: matplotlib when it is needed, axes, colours."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

from skace.metrics._registry import METRICS

__all__ = [
    "axes_for", "categorical_colors", "import_pyplot", "legend_above", "metric_label",
    "ordered_colors",
]  # fmt: skip

# Okabe and Ito: told apart with any kind of colour vision, and in this order in grey as well.
_OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

_MOST_IN_LINE = 4  # entries of a legend above the axes


def import_pyplot(caller: Any) -> Any:
    """Module ``matplotlib.pyplot``; ``caller`` is the display that wants to draw."""
    try:
        import matplotlib.pyplot
    except ModuleNotFoundError as error:
        name = caller.__name__ if isinstance(caller, type) else type(caller).__name__
        raise ImportError(
            f"{name} draws with matplotlib, which is not installed; install it with "
            "pip install matplotlib."
        ) from error
    return matplotlib.pyplot


def axes_for(display: Any, ax: Any, figsize: tuple[float, float] = (6.4, 4.2)) -> Any:
    """Axes to draw on, new ones for None; they and their figure are noted on the display."""
    pyplot = import_pyplot(display)
    if ax is None:
        _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def categorical_colors(n: int) -> list[str]:
    """Colours for names without an order."""
    return [_OKABE_ITO[number % len(_OKABE_ITO)] for number in range(n)]


def ordered_colors(caller: Any, n: int) -> list[Any]:
    """Colours from dark to light for values in order."""
    viridis = import_pyplot(caller).get_cmap("viridis")
    # The last part is a yellow that is hard to see on white.
    return [viridis(0.85 * number / max(1, n - 1)) for number in range(n)]


def legend_above(ax: Any, handles: list[Any]) -> None:
    """Put the legend over the axes, where it covers nothing."""
    n_lines = -(-len(handles) // _MOST_IN_LINE)
    n_columns = -(-len(handles) // n_lines)  # five are three and two, not four and one
    ax.legend(
        handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=n_columns,
        frameon=False,
    )  # fmt: skip


def metric_label(metric: str) -> str:
    """Name of a metric as people write it: "NDCG@10" for "ndcg@10"."""
    kind, at, rest = metric.partition("@")
    return (METRICS[kind].label if kind in METRICS else kind) + at + rest
