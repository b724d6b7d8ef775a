"""Batch scoring on Spark
======================

What comes next for every user, by ``mapInArrow``: Spark hands each worker histories as batches of
Arrow, and takes batches of answers back. Needs ``pip install pyspark skops``, and Java.
"""
# SPDX-License-Identifier: BSD-3-Clause

import tempfile
from pathlib import Path

import polars
import pyarrow as pa
from pyspark.sql import SparkSession

from skace import SASRecEstimator
from skace.datasets import make_shop
from skace.persistence import dump, load

SCHEMA = "user_id long, best array<long>"


def scorer(path):
    """Function that answers batches of histories with the model of a file."""

    def score(batches):
        model = load(path)  # once for each part of the frame
        for batch in batches:
            best = model.predict(batch.column("history").to_pylist())
            yield pa.RecordBatch.from_pydict(
                {"user_id": batch.column("user_id"), "best": pa.array(best.tolist())}
            )

    return score


def main():
    """Answer all users of a shop on two workers of this machine."""
    X = make_shop(n_users=300, n_items=60, n_events=3000, random_state=0).interactions
    model = SASRecEstimator(max_epochs=2, early_stopping=False, random_state=0).fit(X)
    histories = (
        X.to_frame("polars")
        .group_by("user_id", maintain_order=True)
        .agg(polars.col("item_id").alias("history"))
    )
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.skops")
        dump(model, path)
        histories.write_parquet(Path(folder) / "histories.parquet")
        spark = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", 50)
            .getOrCreate()
        )
        frame = spark.read.parquet(str(Path(folder) / "histories.parquet")).repartition(4)
        rows = frame.mapInArrow(scorer(path), SCHEMA).collect()
        spark.stop()
    answers = {row.user_id: row.best for row in rows}
    expected = model.predict(histories["history"].to_list()).tolist()
    print(f"{len(answers)} users")
    same = [answers[user] for user in histories["user_id"]] == expected
    print("as one process answers:", same)


if __name__ == "__main__":
    main()
