"""What handlers are given by the application; trusted as it is, never validated or converted."""

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from server.application.paddock import Paddock, Settling
from server.web.credentials import Credentials

GivenPaddock = NamedDependency[SkipValidation[Paddock]]
GivenSettling = NamedDependency[SkipValidation[Settling]]
GivenCredentials = NamedDependency[SkipValidation[Credentials]]
