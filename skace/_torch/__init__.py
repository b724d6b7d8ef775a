"""The only part of skace that imports torch; reached from inside methods."""
# SPDX-License-Identifier: BSD-3-Clause

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError(
        "Networks need torch, which is not installed. Install it with 'pip install "
        "torch', or see https://pytorch.org for the build that suits your machine."
    ) from error

__all__: list[str] = []
