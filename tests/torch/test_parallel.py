"""Several processes train one model: the same as one alone."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skace._torch.training._parallel import Ranks

SCRIPT = Path(__file__).with_name("parallel_fit.py")
# What each process draws for itself (negatives, masks, the seed), or means over the shares.
DRAWN = ["gru4rec", "sampled", "bert4rec", "unseeded", "melt", "distilled", "aligned"]
STOPPED = ["first stops", "second stops"]
MODELS = ["sasrec", "gram", "one by one", *STOPPED, *DRAWN]

# Two processes that train every model take most of a minute.
pytestmark = pytest.mark.minutes


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What each rank of one and of two processes wrote, by model."""
    folder = tmp_path_factory.mktemp("ranks")
    for size in (1, 2):
        words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size)]
        done = subprocess.run(
            [sys.executable, *words, str(SCRIPT), str(folder)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return {
        name: [
            dict(np.load(folder / f"{name} {rank} of {size}.npz"))
            for size, rank in ((1, 0), (2, 0), (2, 1))
        ]
        for name in MODELS
    }


@pytest.mark.parametrize("name", MODELS)
def test_all_ranks_end_with_the_same_model(outcomes, name):
    _, first, second = outcomes[name]
    for key in ("loss", "scores", "vectors", "ranks", "n_epochs"):
        assert_array_equal(first[key], second[key])


@pytest.mark.parametrize("name", MODELS)
def test_no_window_is_left_out_or_learned_twice(outcomes, name):
    alone, *both = outcomes[name]
    for runs in ([alone], both):
        times = np.bincount(np.concatenate([run["taken"] for run in runs]))
        assert times.min() == times.max() >= alone["n_epochs"]
    if name == "one by one":  # the one window of a batch is the first rank's
        assert both[1]["taken"].size == 0
        return
    shares = [np.unique(run["taken"]).size for run in both]
    assert min(shares) > 0.4 * np.unique(alone["taken"]).size


@pytest.mark.parametrize("name", MODELS)
def test_each_rank_draws_with_a_seed_of_its_own(outcomes, name):
    alone, first, second = outcomes[name]
    assert all(run["seeds"].size == 1 for run in (alone, first, second))
    assert first["seeds"] != second["seeds"]
    assert name in ("unseeded", "melt") or first["seeds"] == alone["seeds"]


def test_the_first_rank_decides_when_a_callback_stops(outcomes):
    n_epochs = {name: [int(run["n_epochs"]) for run in outcomes[name]] for name in STOPPED}
    assert n_epochs == {"first stops": [1, 1, 1], "second stops": [3, 3, 3]}


@pytest.mark.parametrize("name", ["sasrec", "gram"])
def test_two_ranks_take_the_step_that_one_takes(outcomes, name):
    alone, first, second = outcomes[name]
    size = np.abs(alone["gradients"]).max()
    assert_allclose(first["gradients"], alone["gradients"], atol=1e-6 * size)
    assert_array_equal(first["gradients"], second["gradients"])


def test_two_ranks_end_where_one_does(outcomes):
    alone, first, _ = outcomes["sasrec"]
    assert_allclose(first["loss"], alone["loss"], rtol=1e-5)
    assert_allclose(first["scores"], alone["scores"], atol=1e-6)
    assert_array_equal(first["ranks"], alone["ranks"])
    # Adam turns the rounding of gradients near 0 into steps of full length.
    assert_allclose(first["vectors"], alone["vectors"], atol=1e-2)


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_by_rank_is_learned_as_well(outcomes, name):
    alone, first, _ = outcomes[name]
    assert_allclose(first["loss"][0], alone["loss"][0], rtol=0.1)


def test_a_process_alone_asks_nobody():
    alone = Ranks.current()
    assert alone == Ranks(0, 1)
    assert alone.agreed(7) == 7
    assert_array_equal(alone.share(np.arange(5)), np.arange(5))


def test_shares_are_the_batch():
    numbers = np.arange(10, 17)
    parts = [Ranks(number, 3).share(numbers) for number in range(3)]
    assert [part.tolist() for part in parts] == [[10, 13, 16], [11, 14], [12, 15]]
