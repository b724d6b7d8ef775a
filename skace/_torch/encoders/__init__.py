"""Encoders: item vectors of a window in, one state per position out."""
# SPDX-License-Identifier: BSD-3-Clause
