"""Answers of exported models by numpy alone: copy this folder to where they are to be served.

Its modules name each other relatively, so that it works under any name and without skace.
"""
# SPDX-License-Identifier: BSD-3-Clause

from ._model import NumpyModel

__all__ = ["NumpyModel"]
