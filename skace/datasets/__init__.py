"""Made-up event logs whose right answers are known."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.datasets._known_answers import make_checkerboard, make_cycle
from skace.datasets._oracle import ShopOracle
from skace.datasets._shop import make_shop

__all__ = ["ShopOracle", "make_checkerboard", "make_cycle", "make_shop"]
