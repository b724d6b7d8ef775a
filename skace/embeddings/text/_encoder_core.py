"""The array core of TextEncoder."""
# SPDX-License-Identifier: BSD-3-Clause

from skace._parameter_objects import check_is_no_class
from skace._sklearn_compat import fit_context, with_callbacks
from skace.embeddings.text._core import EncoderOfTexts
from skace.embeddings.text._report import FitReport
from skace.embeddings.text.models._function import FunctionModel
from skace.embeddings.text.models._local import LocalModel
from skace.embeddings.text.models._short_forms import text_model

__all__ = ["TextEncoderOfTexts"]


class TextEncoderOfTexts(EncoderOfTexts):
    """Encoder of a list or frame of texts: what `TextEncoder` does behind the mixin."""

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Encode what the cache does not have."""
        self._check_cache()
        table = self._texts_to_fit(X)
        self._learn_vectors(table, self._build_backend(), FitReport(self, {"X": X, "y": y}))
        return self

    def _validate_params(self):
        check_is_no_class("encoder", self.encoder)
        super()._validate_params()
        self._text_model()._validate_params()

    def _check_cache(self):
        """Raise if vectors of an unknown version would be kept in a folder."""
        model = self._text_model()
        if self.cache is None or not isinstance(model, FunctionModel):
            return
        if not model.revision:
            raise ValueError(
                "cache needs a revision when encoder is a function: what it does cannot be seen "
                "from outside, so say which version of it the stored vectors are from, for example "
                "encoder=FunctionModel(function, revision='1')."
            )

    def _text_model(self):
        """The object that says what encodes."""
        return text_model(self.encoder)

    def _build_backend(self, stored=None):
        """The encoder that the parameters ask for."""
        return self._text_model().build(
            prompt=self.prompt, batch_size=self.batch_size, stored=stored
        )

    def _model_name(self):
        model = self._text_model()
        return str(model.model) if isinstance(model, LocalModel) and model.model else None

    def _stores_weights(self):
        model = self._text_model()
        return isinstance(model, LocalModel) and model.store_weights

    def _owner(self, identity, get_backend):
        """The function: two of one name are different encoders unless revision tells."""
        is_nameless = isinstance(self._text_model(), FunctionModel) and not identity["revision"]
        return get_backend().function if is_nameless else None
