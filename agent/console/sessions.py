"""Who may use the console: the one browser that came by the link, until it is idle."""

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.clock import Clock

IDLE = timedelta(minutes=30)


@dataclass(slots=True)
class Session:
    """`secret` is the cookie's value; `csrf` stands in every form."""

    secret: str
    csrf: str
    used_at: datetime


class Sessions:
    """At most one browser is in, and only while none is, a link is open. Safe to use from many threads.

    `publish` gets each link's token, `withdraw` is called when the link no longer works.
    """

    def __init__(self, clock: Clock, publish: Callable[[str], None], withdraw: Callable[[], None]) -> None:
        self._clock, self._publish, self._withdraw = clock, publish, withdraw
        self._session: Session | None = None
        self._token = ""
        self._lock = threading.Lock()

    def open_link(self) -> None:
        """Make sure that the person can come in: a link is open, or somebody is in."""
        with self._lock:
            if self._alive() is None and not self._token:
                self._token = secrets.token_urlsafe(32)
                self._publish(self._token)

    def enter(self, token: str) -> Session | None:
        """A session for whoever has the link's token; once."""
        with self._lock:
            if not self._token or not hmac.compare_digest(token.encode(), self._token.encode()):
                return None
            self.close_link()
            self._session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), self._clock.now())
            return self._session

    def find(self, secret: str, *, use: bool = True) -> Session | None:
        """The session of that cookie; what is no `use` of the person's does not keep it."""
        with self._lock:
            found = self._alive()
            if found is None or not hmac.compare_digest(secret.encode(), found.secret.encode()):
                return None
            if use:
                found.used_at = self._clock.now()
            return found

    def leave(self) -> None:
        """End the session; `open_link` lets the next one in."""
        with self._lock:
            self._session = None

    def close_link(self) -> None:
        """Nobody comes in any more."""
        if self._token:
            self._token = ""
            self._withdraw()

    def _alive(self) -> Session | None:
        if self._session is not None and self._clock.now() >= self._session.used_at + IDLE:
            self._session = None
        return self._session
