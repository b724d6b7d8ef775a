"""Recommenders that ask others."""
# SPDX-License-Identifier: BSD-3-Clause
