"""Recommenders that look for neighbours; nothing is trained."""
# SPDX-License-Identifier: BSD-3-Clause
