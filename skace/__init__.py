"""LLM-enhanced sequential recommendation with scikit-learn's habits."""
# SPDX-License-Identifier: BSD-3-Clause

import lazy_loader

from skace._moved import find_moved
from skace._version import installed_version

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = installed_version()

find_moved()
