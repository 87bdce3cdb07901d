"""What handlers are given by the application; trusted as it is, never validated or converted."""

from typing import TypeVar

from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from server.application.paddock import Paddock, Settling
from server.domain.outages import Starting
from server.web.credentials import Credentials

T = TypeVar("T")

GivenPaddock = NamedDependency[SkipValidation[Paddock]]
GivenSettling = NamedDependency[SkipValidation[Settling]]
GivenCredentials = NamedDependency[SkipValidation[Credentials]]


def started(state: State, name: str, kind: type[T]) -> T:
    """A part of the process, for servers that take requests before its lifespan began. Raises Starting."""
    found = state.get(name)
    if not isinstance(found, kind):
        raise Starting("the parts of this process are not put together yet")
    return found
