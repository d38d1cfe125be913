"""A server that speaks OpenAI's chat completions: asked in turn, and again where it may help."""

from typing import Any, Final

import openai
from openai.types.chat import ChatCompletion

from catalog.caption.failures import give_up_reason, raise_if_final
from catalog.caption.pace import Pace, retry_after_s
from catalog.caption.port import CaptionerError, CaptionerUnavailable
from catalog.caption.terms import KEY_VARIABLE, Server
from catalog.errors import CatalogError

TRIES: Final = 6
_REFUSED_REQUESTS: Final = 5


class Chat:
    """Sends requests at a pace. What fails and may pass is sent again, `TRIES` times in all."""

    def __init__(self, server: Server, pace: Pace) -> None:
        """Nothing is connected yet."""
        self._server = server
        self._pace = pace
        self._client: openai.AsyncOpenAI | None = None
        self._answered = False
        self._refused = 0

    def require_going_on(self) -> None:
        """Raises `CaptionerUnavailable` when the run is to stop."""
        self._pace.require_going_on()

    async def complete(self, request: dict[str, Any], key: str) -> ChatCompletion:
        """The server's answer, which has a choice.

        The idempotency key lets a server that knows it answer a question a second time for nothing
        where the first answer was lost on its way. After an answer that was a failure it changes,
        because such a server would only repeat the failure.

        Args:
            request: Fields of a chat completion but for the model.
            key: The question's own.

        Raises:
            CatalogError: The run cannot go on.
            CaptionerError: The server does not take this request.
            CaptionerUnavailable: There is no answer for now.
        """
        failures = 0
        reason = CaptionerUnavailable("NO_ANSWER", "the server did not answer")
        for attempt in range(TRIES):
            await self._pace.turn()
            wait = None
            try:
                return await self._send(request, f"{key}-{failures}")
            except openai.APIStatusError as error:
                self._stop_where_final(error)
                failures += 1
                reason = give_up_reason(error)
                wait = retry_after_s(error.response.headers)
            except (openai.APIConnectionError, ValueError) as error:
                failures += isinstance(error, ValueError)
                reason = give_up_reason(error)
            if wait is not None:
                self._pace.close_for(wait)
            elif attempt + 1 < TRIES:
                await self._pace.back_off(attempt)
        raise reason

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    async def _send(self, request: dict[str, Any], key: str) -> ChatCompletion:
        if self._client is None:
            self._server.require_key()
            self._client = openai.AsyncOpenAI(
                api_key=self._server.key,
                base_url=self._server.base_url,
                timeout=self._server.timeout_s,
                max_retries=0,
            )
        completion = await self._client.chat.completions.create(
            **request, model=self._server.model, extra_headers={"Idempotency-Key": key}
        )
        # The SDK takes any JSON, and a page of HTML as text.
        if not isinstance(completion, ChatCompletion) or not _has_message(completion):
            raise ValueError("no completion")
        self._answered = True
        return completion

    def _stop_where_final(self, error: openai.APIStatusError) -> None:
        try:
            raise_if_final(error, self._server.model, KEY_VARIABLE)
        except CaptionerError:
            self._refused += 1
            if not self._answered and self._refused >= _REFUSED_REQUESTS:
                raise CatalogError(
                    f"the server refused each of the first {self._refused} requests"
                    f" (HTTP {error.status_code}): {self._server.model} may not know pictures or"
                    " answers by a JSON schema"
                ) from None
            raise


def _has_message(completion: ChatCompletion) -> bool:
    choices: Any = completion.choices
    return (
        isinstance(choices, list) and bool(choices) and bool(getattr(choices[0], "message", None))
    )
