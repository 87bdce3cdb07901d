"""The one error tree of the buyer's side.

AgentError                 everything raised here; `mend` says what to do about it
├── SettingsError          an environment variable, or a file it names
│   └── PolicyError        the policy file; names the key
├── WalletError            no key, a wrong password, or a signer that signed something else
│   └── NoGas              the wallet cannot pay for a chain transaction; nothing was sent
├── ChainUnavailable       the RPC cannot be reached, or answers nonsense; ask again later
│   └── Reverted           the RPC answers that a contract refuses the call
├── SellerUnavailable      the seller cannot be reached, and no signature was made
├── ApprovalError          an approval that cannot be given
├── UnknownPurchase        no purchase or receipt with that id in the store
└── Refused                policy, budget or approval forbids it; the checkout turns it into an outcome
    └── Withheld           personal data would leave, and a person was asked
"""


class AgentError(Exception):
    """`str()` is what was wrong, `mend` what the reader can do; neither ever holds a key or a signed payload."""

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend


class SettingsError(AgentError):
    """A setting is missing or cannot be read."""


class PolicyError(SettingsError):
    """The policy file is missing or says something it may not."""


class WalletError(AgentError):
    """The wallet cannot sign, or did not sign what it was given."""


class NoGas(WalletError):
    """The wallet holds too little of the chain's coin."""


class ChainUnavailable(AgentError):
    """The chain could not be asked."""


class Reverted(ChainUnavailable):
    """A contract refused a call; `data` is what it said, 0x-hex, and nothing (0x) where it has no such function."""

    def __init__(self, message: str, data: str) -> None:
        super().__init__(message)
        self.data = data


class SellerUnavailable(AgentError):
    """The seller could not be asked; nothing was signed."""


class ApprovalError(AgentError):
    """A person's approval cannot be given as asked."""


class UnknownPurchase(AgentError):
    """Nothing with that id is in the store."""


class Refused(AgentError):
    """A purchase that must not be signed. `rule` names what forbids it."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


class Withheld(Refused):
    """A request that did not leave: `question` is the approval that it waits for."""

    def __init__(self, detail: str, question: str) -> None:
        super().__init__("privacy.ask", detail)
        self.question = question
