"""Features of items: their forms, their rows, and whose row is which."""
# SPDX-License-Identifier: BSD-3-Clause
