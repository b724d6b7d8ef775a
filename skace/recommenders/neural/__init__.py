"""Recommenders that are torch networks."""
# SPDX-License-Identifier: BSD-3-Clause
