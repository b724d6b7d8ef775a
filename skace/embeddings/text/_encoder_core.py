"""The array core of TextEncoder."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect

from skace._sklearn_compat import fit_context, with_callbacks
from skace.embeddings.text._core import EncoderOfTexts
from skace.embeddings.text._report import FitReport
from skace.embeddings.text.sources._backends import DEFAULT_MODEL, CallableEncoder, LocalEncoder
from skace.embeddings.text.sources._http import HttpEncoder

__all__ = ["TextEncoderOfTexts"]

_OF_MODELS = ("device", "precision")  # what only a model on this machine heeds
_OF_SERVERS = ("api_key_env", "n_retries", "timeout")  # what only a server needs


class TextEncoderOfTexts(EncoderOfTexts):
    """Encoder of a list or frame of texts: what `TextEncoder` does behind the mixin."""

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Encode what the cache does not have."""
        self._check_parameters()
        table = self._texts_to_fit(X)
        self._learn_vectors(table, self._build_backend(), FitReport(self, {"X": X, "y": y}))
        return self

    def _check_parameters(self):
        """Raise for parameters that do not go together."""
        if self.encoder is not None and self.base_url is not None:
            raise ValueError("encoder and base_url are two ways to encode; pass one of them.")
        if self.base_url is not None and self.model is None:
            raise ValueError("base_url needs model, the name of a model on that server.")
        self._refuse_ignored()
        is_nameless = self.encoder is not None and self.revision is None
        if is_nameless and self.cache is not None:
            raise ValueError(
                "cache needs revision when encoder is given: what a function does cannot be seen "
                "from outside, so say which version of it the stored vectors are from, for example "
                "revision='1'."
            )
        if self.store_weights and (self.encoder is not None or self.base_url is not None):
            raise ValueError(
                "store_weights=True needs a model on this machine; with encoder or base_url there "
                "are no weights to store."
            )

    def _refuse_ignored(self):
        """Raise for parameters that were set, but that what encodes would not heed."""
        by_model = self.encoder is None and self.base_url is None
        if not by_model:
            way = "base_url" if self.encoder is None else "encoder"
            self._refuse_set(_OF_MODELS, f"with {way}: it is for a model on this machine")
        if self.base_url is None:
            self._refuse_set(_OF_SERVERS, "without base_url: it is for a server")

    def _refuse_set(self, names, reason):
        """Raise for the first of these parameters that is not at its default."""
        parameters = inspect.signature(type(self)).parameters
        for name in names:
            value, default = getattr(self, name), parameters[name].default
            if value != default:
                raise ValueError(
                    f"{name}={value!r} has no effect {reason}; leave it at {name}={default!r}."
                )

    def _build_backend(self, stored=None):
        """The encoder that the parameters ask for."""
        shared = {"revision": self.revision, "prompt": self.prompt}
        if self.encoder is not None:
            return CallableEncoder(self.encoder, model=self._model_name(), **shared)
        if self.base_url is not None:
            return HttpEncoder(
                self.base_url,
                str(self.model),
                revision=self.revision or "",
                prompt=self.prompt,
                api_key_env=self.api_key_env,
                n_retries=self.n_retries,
                timeout=self.timeout,
                batch_size=self.batch_size,
            )
        return LocalEncoder(
            self._model_name() or DEFAULT_MODEL,
            **shared,
            precision=self.precision,
            device=self.device,
            batch_size=self.batch_size,
            stored=stored,
        )

    def _owner(self, identity, get_backend):
        """The function: two of one name are different encoders unless revision tells."""
        is_nameless = self.encoder is not None and not identity["revision"]
        return get_backend().function if is_nameless else None
