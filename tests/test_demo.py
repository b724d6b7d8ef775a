"""What `make demo` runs works from start to end."""
# SPDX-License-Identifier: BSD-3-Clause

import re
import runpy
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[1] / "examples" / "demo.py"


@pytest.mark.minutes
def test_demo_scores_every_model_and_answers_a_visitor(capsys):
    runpy.run_path(str(DEMO))["main"](n_users=150, n_items=120, n_events=900)
    output = capsys.readouterr().out
    scores = {
        name: float(score)
        for name, score in re.findall(r"^([\w ,]+?) {2,}(\d\.\d{4}) +\d\.\d{4}", output, re.M)
    }
    models = ["popularity", "SASRec, random start", "SASRec, ACE start", "best achievable"]
    assert list(scores) == models
    assert all(0 < score < 1 for score in scores.values())
    assert output.count("<- chosen") == 1
    assert output.count("  may like  ") == 5
