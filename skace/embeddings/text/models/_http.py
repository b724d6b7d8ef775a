"""HttpModel: a model behind an OpenAI-compatible server."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

from skace._sklearn_compat import Interval
from skace.embeddings.text.models._base import TextModel
from skace.embeddings.text.sources._http import HttpEncoder

__all__ = ["HttpModel"]


class HttpModel(TextModel):
    """A model on a server with the embeddings endpoint of the OpenAI API.

    All texts are sent to that server.

    Parameters
    ----------
    model : str
        Name of the model on that server.

    base_url : str
        Address of the API, such as "https://api.openai.com/v1". A query such as "?api-version=2024"
        stays behind the path. Put no key into the address, because it is recorded in
        ``provenance_`` of the encoder.

    revision : str or None, default=None
        Your name for the present version of the model. Change it when the server changes the model;
        until then old vectors are used.

    api_key_env : str or None, default=None
        Name of the environment variable that holds the key. The key itself is never stored. An
        address with http:// on another machine gives a warning, because anyone on the way could
        read the key.

    n_retries : int, default=5
        How often a failed request is tried again, after growing pauses or the pauses that the
        server requests.

    timeout : float, default=60.0
        Seconds after which a request without a complete answer counts as failed. This includes the
        time to connect, to compute and to send the vectors of a batch.

    Notes
    -----
    One request carries ``batch_size`` texts of the encoder. A cache identifies the vectors by
    address, name and revision.

    Stability: provisional.

    Examples
    --------
    >>> from skace.embeddings import HttpModel, TextEncoder
    >>> server = HttpModel("text-embedding-3-small", "https://api.openai.com/v1",
    ...                    api_key_env="OPENAI_API_KEY")
    >>> encoder = TextEncoder(server, cache="vectors", batch_size=256)
    >>> encoder.set_params(encoder__timeout=300).encoder.timeout
    300
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "model": [str],
        "base_url": [str],
        "revision": [str, None],
        "api_key_env": [str, None],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
        "timeout": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        revision: str | None = None,
        api_key_env: str | None = None,
        n_retries: int = 5,
        timeout: float = 60.0,
    ) -> None:
        self.model = model
        self.base_url = base_url
        self.revision = revision
        self.api_key_env = api_key_env
        self.n_retries = n_retries
        self.timeout = timeout

    def build(
        self,
        *,
        prompt: str | None,
        batch_size: int,
        stored: Mapping[str, Any] | None = None,  # noqa: ARG002 - a server keeps its weights
    ) -> HttpEncoder:
        """Build the encoding backend; see `TextModel.build`."""
        return HttpEncoder(
            self.base_url,
            self.model,
            revision=self.revision or "",
            prompt=prompt,
            api_key_env=self.api_key_env,
            n_retries=self.n_retries,
            timeout=self.timeout,
            batch_size=batch_size,
        )
