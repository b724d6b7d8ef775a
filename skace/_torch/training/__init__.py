"""Training: batches in, losses, steps and epochs."""
# SPDX-License-Identifier: BSD-3-Clause
