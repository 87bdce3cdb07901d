"""What is wrong with a merchant, with a provider's service, or with asking for it now. Part of `errors`' tree.

RequestRefused
├── BadUpstream: ProbeFailed
└── BadRegistration, MerchantConflict, UpstreamConflict, UnknownUpstream, OffSale
"""

from server.domain.errors import RequestRefused


class BadUpstream(RequestRefused):
    slug, title, status = "bad-upstream", "A service cannot be sold like that", 422
    action = "Correct what the detail names, and send it again; nothing was changed."


class ProbeFailed(BadUpstream):
    slug, title = "probe-failed", "The upstream does not answer as it is to be sold"
    action = "Mend what `findings` names, each says how; then ask again. Nothing was changed."


class BadRegistration(RequestRefused):
    slug, title, status = "bad-registration", "A merchant cannot be taken in, or paid, like that", 422
    action = "Correct what the detail names, sign exactly that, and send it again; nothing was changed."


class MerchantConflict(RequestRefused):
    slug, title, status = "merchant-conflict", "The merchant was changed at this moment", 409
    action = "Look at the merchant again, and sign anew if you still want this. This request changed nothing."


class UpstreamConflict(RequestRefused):
    slug, title, status = "upstream-conflict", "Not while the service is as it is", 409
    action = "Look at the service again, and do what the detail says first."


class UnknownUpstream(RequestRefused):
    slug, title, status = "unknown-upstream", "This merchant has no such service", 404
    action = "See GET /api/merchants/{id}/services for those that it has."


class OffSale(RequestRefused):
    slug, title, status = "off-sale", "This service is not on sale", 410
    action = "See /api/services for what is on sale; nothing was charged, and what was bought before is still answered."
