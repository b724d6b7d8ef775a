"""Training objectives of networks: every next item, the last item, or masked items."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.objectives._base import Objective
from skace.objectives._cloze import Cloze
from skace.objectives._last_item import LastItem
from skace.objectives._next_item import NextItem

__all__ = ["Cloze", "LastItem", "NextItem", "Objective"]
