"""What turns texts into vectors: a model on this machine, a server, or a function."""
# SPDX-License-Identifier: BSD-3-Clause
