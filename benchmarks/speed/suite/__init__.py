"""What skace costs, in seconds and in bytes, through its public API only."""
# SPDX-License-Identifier: BSD-3-Clause
