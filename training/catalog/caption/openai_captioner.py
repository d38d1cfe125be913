"""Captions from a model that sees both pictures; each question is paid for once."""

import asyncio
from pathlib import Path
from typing import Any, Final

from openai.types.chat import ChatCompletion
from pydantic import ValidationError

from catalog.caption.answers import Answer, Answers, answer_key
from catalog.caption.chat import Chat
from catalog.caption.data_urls import data_url
from catalog.caption.port import CaptionerError, Question
from catalog.caption.prompt import (
    INSTRUCTIONS,
    PROMPT_VERSION,
    RESPONSE_FORMAT,
    WrittenCaptions,
    complaint_text,
    task_text,
)
from catalog.caption.spending import Budget, Prices, picture_tokens

MOST_OUTPUT_TOKENS: Final = 200
"""Two captions and their JSON are some 40."""
USUAL_OUTPUT_TOKENS: Final = 45
_TEXT_TOKENS: Final = 450
"""Instructions, task, schema and a complaint, rounded up."""


class OpenAICaptioner:
    """Asks each question once, in all runs together; what was answered is given from the disk."""

    def __init__(
        self,
        model: str,
        folder: Path,
        chat: Chat,
        *,
        answers: Answers,
        prices: Prices,
        budget: Budget,
    ) -> None:
        """`folder` is the one that the pairs' pictures are relative to."""
        self._model = model
        self._folder = folder
        self._chat = chat
        self._answers = answers
        self._prices = prices
        self._budget = budget
        self._most = prices.dollars(input_tokens(model), MOST_OUTPUT_TOKENS)

    @property
    def name(self) -> str:
        """``openai:MODEL:vPROMPT``."""
        return f"openai:{self._model}:v{PROMPT_VERSION}"

    def kept(self, question: Question, again: int = 0) -> Answer | None:
        """The answer that an earlier run, or round, paid for."""
        return self._answers.get(answer_key(self.name, question.pair, again))

    async def captions(self, question: Question) -> tuple[str, str]:
        """See `catalog.caption.port`; raises `OSError` where an answer cannot be kept."""
        again = 1 if question.complaint else 0
        answer = self.kept(question, again) or await self._ask(question, again)
        return _read(answer)

    async def _ask(self, question: Question, again: int) -> Answer:
        self._chat.require_going_on()
        self._answers.require_room()
        request = await asyncio.to_thread(self._request, question)
        key = answer_key(self.name, question.pair, again)
        reserved = self._most
        await self._budget.reserve(reserved)
        dollars = 0.0
        try:
            answer = self._priced(await self._chat.complete(request, key))
            dollars = answer.dollars
            # The dearest answer so far corrects an estimate that was too low.
            self._most = max(self._most, dollars)
            self._answers.keep(self.name, question.pair, again, answer)
        finally:
            await self._budget.settle(reserved, dollars)
        return answer

    def _request(self, question: Question) -> dict[str, Any]:
        pictures = (question.pair.reference, question.pair.target)
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": INSTRUCTIONS},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": task_text(question)},
                    *(_picture(data_url(self._folder / picture)) for picture in pictures),
                ],
            },
        ]
        if question.complaint:
            first = self.kept(question)
            messages += [
                {"role": "assistant", "content": (first and first.content) or "{}"},
                {"role": "user", "content": complaint_text(question.complaint)},
            ]
        return {
            "messages": messages,
            "response_format": RESPONSE_FORMAT,
            "max_completion_tokens": MOST_OUTPUT_TOKENS,
        }

    def _priced(self, completion: ChatCompletion) -> Answer:
        # The SDK checks no types: what a careless server leaves out or garbles is estimated.
        message: Any = completion.choices[0].message
        usage: Any = completion.usage
        tokens_in = _count(usage, "prompt_tokens", input_tokens(self._model))
        tokens_out = _count(usage, "completion_tokens", USUAL_OUTPUT_TOKENS)
        return Answer(
            content=_text(message, "content"),
            refusal=_text(message, "refusal"),
            finish=_text(completion.choices[0], "finish_reason"),
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            dollars=self._prices.dollars(tokens_in, tokens_out),
        )


def input_tokens(model: str) -> int:
    """Tokens that a question has, estimated."""
    return 2 * picture_tokens(model) + _TEXT_TOKENS


def _count(usage: Any, name: str, otherwise: int) -> int:
    count = getattr(usage, name, None)
    return count if type(count) is int and count >= 0 else otherwise


def _text(of: Any, name: str) -> str:
    text = getattr(of, name, None)
    # JSON may hold half of a surrogate pair, which could be neither written nor sent again.
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else ""


def _picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


def _read(answer: Answer) -> tuple[str, str]:
    if answer.refusal or answer.finish == "content_filter":
        raise CaptionerError(
            "REFUSED",
            "The model refused to write captions.",
            "Only the garments are to be described, not the people.",
        )
    try:
        written = WrittenCaptions.model_validate_json(_without_fence(answer.content))
    except ValidationError:
        raise CaptionerError(
            "MALFORMED_ANSWER",
            "The model's answer is not the JSON that was asked for.",
            "The answer must be JSON with exactly the two texts first and second.",
        ) from None
    return written.first, written.second


def _without_fence(content: str) -> str:
    """The JSON of an answer in a code fence, as models without structured output write it."""
    return "\n".join(line for line in content.splitlines() if not line.startswith("```"))
