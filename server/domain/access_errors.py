"""What keeps somebody out of a console, or from doing something in it or with a key. Part of `errors`' tree.

RequestRefused
├── RoleForbids, MemberRefused, BadSignIn
├── BuyerKeyRefused, UnknownBuyerKey, ForeignBuyerKey, SpendLimitReached
└── NotAllowed: WalletRefused, BadBuyerKey
"""

from server.domain.errors import NotAllowed, RequestRefused


class RoleForbids(RequestRefused):
    slug, title, status = "role-forbids", "Your role does not allow that", 403
    action = "Ask an owner of this merchant to do it, or to change your role; nothing was changed."


class MemberRefused(RequestRefused):
    slug, title, status = "member-refused", "There can be no such member", 422
    action = "Correct what the detail names, and send it again; nothing was changed."


class BadSignIn(RequestRefused):
    slug, title = "bad-sign-in", "This is no request to sign in"
    action = "Send JSON: {wallet} for a challenge, then its message with your wallet's signature."


class WalletRefused(NotAllowed):
    slug, title = "wallet-refused", "This wallet cannot be let in so"
    action = "Ask for a fresh challenge, sign exactly its message with your merchant's wallet, and send it once."


class BadBuyerKey(NotAllowed):
    slug, title = "bad-buyer-key", "This buyer key does not count"
    action = "Send one live key as X-Buyer-Key, or none; its wallet makes new ones. Nothing was charged."


class ForeignBuyerKey(RequestRefused):
    slug, title, status = "foreign-buyer-key", "This buyer key is another wallet's", 403
    action = "Pay with the wallet that made the key, or send that wallet's own. Nothing was charged."


class SpendLimitReached(RequestRefused):
    slug, title, status = "spend-limit-reached", "This buyer key may not spend that today", 403
    action = "Wait until resets_at, or have the wallet make a key that may spend more. Nothing was charged."


class BuyerKeyRefused(RequestRefused):
    slug, title, status = "buyer-key-refused", "There can be no such buyer key", 422
    action = "Correct what the detail names, sign anew and send it again; nothing was made."


class UnknownBuyerKey(RequestRefused):
    slug, title, status = "unknown-buyer-key", "There is no such buyer key", 404
    action = "Use the id as the list of this wallet's keys gives it."
