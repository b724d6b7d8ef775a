"""P values of many tests."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np


def holm(values):
    """P values of many tests so that all of them hold together (Holm 1979)."""
    values = np.asarray(values, dtype=float)
    order = np.argsort(values)
    factors = np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1.0)
    return adjusted
