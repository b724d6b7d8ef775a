"""Fitted models as files that other runtimes serve, and indexes of their item vectors."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.export._item_index import ItemIndex
from skace.export._numpy_file import export_numpy
from skace.export._numpy_model import NumpyModel
from skace.export._onnx_file import export_onnx
from skace.export._onnx_model import OnnxModel

__all__ = ["ItemIndex", "NumpyModel", "OnnxModel", "export_numpy", "export_onnx"]
