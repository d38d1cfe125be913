"""Keys and tokens behind one door: their form tells them apart."""

from gateway.access.caller import Caller
from gateway.access.guard import Callers
from gateway.access.key_file import PREFIX
from retrieval.errors import Reason, Unauthenticated


class Credentials:
    """Callers by API key or by token, whichever is offered."""

    def __init__(self, keys: Callers | None, tokens: Callers | None) -> None:
        self._keys = keys
        self._tokens = tokens

    async def caller(self, credential: str) -> Caller:
        """As `Callers.caller`."""
        kind = self._keys if credential.startswith(f"{PREFIX}_") else self._tokens
        if kind is None:
            raise Unauthenticated(Reason.CREDENTIALS_INVALID)
        return await kind.caller(credential)
