"""VADER: a word lexicon, not a language model."""

from __future__ import annotations

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from localaws.endpoint.models import huggingface

_TEXTS_ALONE = (
    "VADER, a word lexicon, labels texts and takes no other requests, such as those of OpenAI's API: run a model that "
    "does (--model)"
)

_THRESHOLD = 0.05
"""VADER's authors call a text neutral whose compound score is nearer to 0 than this."""


class VaderModel:
    """Sentiment by VADER, **a word lexicon**: instant and offline, good for plumbing, and wrong on irony.

    It answers in the shape of cardiffnlp/twitter-roberta-base-sentiment: ``LABEL_0`` negative, ``LABEL_1`` neutral,
    ``LABEL_2`` positive. ``score`` is **not a probability**: VADER's compound score c (-1 to 1) says how strong a
    sentiment is, so ``score`` is (1 + abs(c)) / 2 for a positive or negative text and 1 - abs(c) for a neutral one: it
    rises from 0.525 to 1 with the strength of the words found. ``parameters`` are accepted and have no effect.
    """

    def __init__(self) -> None:
        """Load the lexicon (some 50 ms)."""
        self._analyzer = SentimentIntensityAnalyzer()

    def predict(self, body: bytes, content_type: str, accept: str) -> bytes:
        """Label one text, or each of a list; always a flat list. See ``Model.predict``."""
        call = huggingface.decode(body, content_type, accept)
        if isinstance(call.inputs, dict):
            raise huggingface.refused(_TEXTS_ALONE)
        return huggingface.encode([self._label(text) for text in huggingface.texts(call.inputs)])

    def _label(self, text: str) -> dict[str, str | float]:
        compound: float = self._analyzer.polarity_scores(text)["compound"]
        if abs(compound) < _THRESHOLD:
            return {"label": "LABEL_1", "score": round(1 - abs(compound), 6)}
        return {"label": "LABEL_2" if compound > 0 else "LABEL_0", "score": round((1 + abs(compound)) / 2, 6)}
