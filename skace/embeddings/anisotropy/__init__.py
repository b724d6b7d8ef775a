"""Measures of anisotropy."""
# SPDX-License-Identifier: BSD-3-Clause
