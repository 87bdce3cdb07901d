"""What keeps somebody out of a console, or from doing something in it. Part of `errors`' tree.

RequestRefused
├── RoleForbids, MemberRefused, BadSignIn
└── NotAllowed: WalletRefused
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
