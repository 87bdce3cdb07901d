"""What the console's forms send, and the proof that they are its own."""

import hmac
from typing import Annotated

from litestar.enums import RequestEncodingType
from litestar.exceptions import PermissionDeniedException
from litestar.params import Body

from agent.console.sessions import Session

Given = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
LARGEST = 64 * 1024
"""Bytes of a form."""


def require_csrf(session: Session, given: dict[str, str]) -> None:
    """The form was on a page of this session. Raises PermissionDeniedException."""
    if not hmac.compare_digest(given.get("csrf", "").encode(), session.csrf.encode()):
        raise PermissionDeniedException("that form was not this session's: load the page again")
