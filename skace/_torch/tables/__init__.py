"""Item tables: modules that yield the (n_items, D) matrix for input and output."""
# SPDX-License-Identifier: BSD-3-Clause
