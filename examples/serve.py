"""Serve a model over HTTP
=======================

An exported model behind FastAPI: a visitor's history comes in, item ids go out. A new model takes
the place of the old one while requests are answered, and none is dropped: it is read beside the
old one, and then one name changes. Needs ``pip install fastapi uvicorn``::

    python examples/serve.py --make model.npz     # a small model of a made-up shop, for trying it
    python examples/serve.py model.npz --port 8000
    curl localhost:8000/recommend -H "Content-Type: application/json" \
        -d '{"history": [10001], "k": 3, "sold_out": [10007]}'
    curl -X POST localhost:8000/reload            # after another model.npz was put in its place

Where neither skace nor scikit-learn is to be installed, let ``export_numpy(..., reader=True)``
write the folder ``skace_numpy_model`` beside the model, and import `NumpyModel` from there.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import asyncio
from pathlib import Path

from skace.export import NumpyModel


def create_app(path):
    """Application that answers from the model in a file."""
    from fastapi import FastAPI, HTTPException
    from pydantic import BaseModel, ConfigDict, Field

    class Question(BaseModel):
        """What is asked: ids of the items that a visitor took, oldest first."""

        model_config = ConfigDict(extra="forbid")  # a rule that we do not know must not get lost

        history: list[str | int] = Field(max_length=10_000)
        k: int | None = Field(default=None, ge=1, le=1000)  # None: as the model says
        exclude_seen: bool | None = None
        sold_out: list[str | int] = Field(default=[], max_length=10_000)  # not to be answered

    class Answer(BaseModel):
        """Best items first, and which model found them."""

        items: list[str | int]
        scores: list[float]
        version: int

    app = FastAPI(title="Recommendations")
    app.state.model, app.state.version = NumpyModel(path), 1
    reloading = asyncio.Lock()

    # Without waiting in it, and shorter than handing it to a thread would take.
    @app.post("/recommend")
    async def recommend(question: Question) -> Answer:
        model, version = app.state.model, app.state.version
        gone, k = set(question.sold_out), question.k or model.meta["k"]
        try:
            item_ids, scores = model.recommend(
                [question.history],
                min(k + len(gone), model.item_ids.size),  # enough remain without the sold out
                exclude_seen=question.exclude_seen,
            )
        except (TypeError, ValueError) as error:  # an id that the model does not know
            raise HTTPException(422, str(error)) from error
        found = zip(item_ids[0].tolist(), scores[0].tolist(), strict=True)
        best = [(item, score) for item, score in found if score > float("-inf")]
        best = [(item, score) for item, score in best if item not in gone][:k]
        return Answer(
            items=[item for item, _ in best], scores=[score for _, score in best], version=version
        )

    # The path is ours: a stranger must not choose what is opened.
    @app.post("/reload")
    async def reload() -> dict[str, int]:
        async with reloading:
            # In a thread, so that requests are answered from the old model meanwhile.
            try:
                app.state.model = await asyncio.to_thread(NumpyModel, path)
            except (OSError, ValueError) as error:
                raise HTTPException(409, f"the old model goes on: {error}") from error
            app.state.version += 1
            return {"version": app.state.version}

    @app.get("/health")
    async def health() -> dict[str, int]:
        return {"n_items": int(app.state.model.item_ids.size), "version": app.state.version}

    return app


def make_model(path, seed=0):
    """Write a small model of a made-up shop."""
    from skace import ItemKNNEstimator
    from skace.datasets import make_shop
    from skace.export import export_numpy

    X = make_shop(n_users=300, n_items=200, n_events=3000, random_state=seed).interactions
    return export_numpy(ItemKNNEstimator(handle_unknown="ignore").fit(X), path)


def main():
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="an .npz file of skace.export.export_numpy")
    parser.add_argument("--make", action="store_true", help="write a small model there, and end")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    if arguments.make:
        print(make_model(arguments.path))
        return
    import uvicorn

    app = create_app(arguments.path)
    uvicorn.run(app, host=arguments.host, port=arguments.port, access_log=False)


if __name__ == "__main__":
    main()
