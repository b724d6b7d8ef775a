"""Sentence models, and how they are trained."""
# SPDX-License-Identifier: BSD-3-Clause
