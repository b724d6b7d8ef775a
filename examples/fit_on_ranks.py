"""Train one model in several processes
====================================

Start it with torchrun, one process for each GPU, or for each group of cores::

    torchrun --nproc-per-node 2 examples/fit_on_ranks.py

``fit`` finds the process group, trains on its share of every batch, and leaves the same model in
every process. ``batch_size`` is that of all processes together.
"""
# SPDX-License-Identifier: BSD-3-Clause

from torch import distributed

from skace import ACETransformer, SASRecEstimator
from skace.datasets import make_shop
from skace.model_selection import leave_last_out


def main():
    """Fit together, score once."""
    distributed.init_process_group()  # gloo on CPUs, NCCL on GPUs
    X = make_shop(n_users=300, n_items=60, n_events=3000, random_state=0).interactions
    train, test = leave_last_out(ACETransformer(n_components=16).fit_transform(X))
    model = SASRecEstimator(max_epochs=5, early_stopping=False, random_state=0, verbose=True)
    model.fit(train)
    if distributed.get_rank() == 0:
        print(f"NDCG@10 {model.score(test):.4f}")
    distributed.barrier()  # no process leaves while another is at work
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
