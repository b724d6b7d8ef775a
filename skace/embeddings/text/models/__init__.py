"""What turns texts into vectors, as parameter objects: a local model, a server, a function."""
# SPDX-License-Identifier: BSD-3-Clause
