"""Settings: environment variables with the prefix PADDOCK_AGENT_, and what a running devnet stack fills in.

| variable | meaning | default |
|---|---|---|
| PADDOCK_AGENT_HOME | folder of policy.toml and agent.db | var/agent |
| PADDOCK_AGENT_POLICY | the policy file | policy.toml in the home folder |
| PADDOCK_AGENT_RPC | JSON-RPC of the chain paid on | the stack's, else http://127.0.0.1:8545 |
| PADDOCK_AGENT_FINALITY | block tag for "it can no longer be spent" | finalized; latest with a stack |
| PADDOCK_AGENT_SELLER | where `discover` and `buy` look | the stack's, else http://127.0.0.1:8402 |
| PADDOCK_AGENT_KEY_FILE | the wallet: a keystore (JSON), or a hex key | – |
| PADDOCK_AGENT_KEY_PASSWORD | the keystore's password | – |
| PADDOCK_AGENT_MNEMONIC_FILE | the wallet as BIP-39 words, in a file that only its owner may read | – |
| PADDOCK_AGENT_MNEMONIC_PATH | which of the words' accounts it is | m/44'/60'/0'/0/0 |
| PADDOCK_AGENT_KEY | the wallet's hex key, for the devnet only | the stack's buyer |
| PADDOCK_AGENT_ACCOUNT | address of a contract (ERC-1271) that pays; the key is its owner's | – |
| PADDOCK_AGENT_ACCOUNT_FORM | what that contract wants signed: SmartWallet or plain | SmartWallet |
| PADDOCK_AGENT_ACCOUNT_FACTORY, _ACCOUNT_DEPLOYMENT | what makes it with its first payment: address, calldata | – |
| PADDOCK_AGENT_SIGNER | URL of a `paddock-agent signer` that holds the key instead | – |
| PADDOCK_AGENT_SIGNER_TOKEN | what the signer wants to be told before it signs | – |
| PADDOCK_AGENT_BUYER_KEY | a key of the wallet's for the seller's marketplace, sent with what is asked there | – |
| PADDOCK_AGENT_MODEL_URL, _MODEL | base URL and name of a model that `plan` asks for a job | – |
| PADDOCK_AGENT_MODEL_API | what its API is compatible with: openai or anthropic | openai |
| PADDOCK_AGENT_MODEL_KEY | its key | – |
| PADDOCK_AGENT_SESSION | what `limits.per_session` counts together | each run by itself |
| PADDOCK_AGENT_TIMEOUT | seconds to wait for an answer | 60 |
| PADDOCK_AGENT_STACK | description of a running devnet stack, used if it exists | var/stack.json |

The approver's key is none of these: a person gives it to `paddock-agent approvals approve` by `--key-file`, or by
PADDOCK_APPROVER_KEY in that person's own shell.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from eth_account.signers.local import LocalAccount

from agent import policy_file
from agent.errors import PolicyError, SettingsError, WalletError
from agent.mnemonic import DEFAULT_PATH, account_of_words
from agent.policy_file import PolicyFile
from agent.wallet import account_in, account_of

PREFIX = "PADDOCK_AGENT_"
FINALITIES = ("finalized", "latest")
DEVNET = "eip155:31337"
"""The only network for which a key may stand in the environment, where every process of the user can read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that a Buyer needs to know. `policy_text` takes the place of the file; secrets never show in a repr."""

    home: Path = Path("var/agent")
    policy: Path | None = None
    policy_text: str | None = None
    rpc: str = "http://127.0.0.1:8545"
    finality: str = "finalized"
    seller: str = "http://127.0.0.1:8402"
    key: str | None = field(default=None, repr=False)
    key_file: Path | None = None
    key_password: str | None = field(default=None, repr=False)
    mnemonic_file: Path | None = None
    mnemonic_path: str = DEFAULT_PATH
    account: str = ""
    account_form: str = "SmartWallet"
    account_factory: str = ""
    account_deployment: str = ""
    signer: str = ""
    signer_token: str | None = field(default=None, repr=False)
    buyer_key: str = field(default="", repr=False)
    model_url: str = ""
    model: str = ""
    model_api: str = "openai"
    model_key: str | None = field(default=None, repr=False)
    session: str = ""
    timeout: float = 60.0

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Settings from the environment. Raises SettingsError, naming the variable."""
        given = {name[len(PREFIX) :].lower(): value for name, value in environ.items() if name.startswith(PREFIX)}
        stack = read_stack(Path(given.pop("stack", "var/stack.json")))
        values: dict[str, Any] = _from_stack(stack)
        unknown = set(given) - set(cls.__dataclass_fields__)
        if unknown:
            raise SettingsError(f"{PREFIX}{min(unknown).upper()} is not a setting", "see agent/settings.py")
        values |= given
        for name in ("home", "policy", "key_file", "mnemonic_file"):
            if name in values:
                values[name] = Path(values[name])
        if values.get("finality", "latest") not in FINALITIES:
            raise SettingsError(f"{PREFIX}FINALITY must be finalized or latest", "set one of these")
        try:
            values["timeout"] = float(values.get("timeout", 60.0))
        except ValueError as error:
            raise SettingsError(f"{PREFIX}TIMEOUT must be a number of seconds", "for example 60") from error
        return cls(**values)

    @property
    def policy_path(self) -> Path:
        return self.policy or self.home / "policy.toml"

    @property
    def database(self) -> Path:
        return self.home / "agent.db"

    def load_policy(self) -> PolicyFile:
        """The policy. Raises PolicyError."""
        if self.policy_text is not None:
            return policy_file.parse(self.policy_text)
        return policy_file.load(self.policy_path)

    def owner(self) -> LocalAccount:
        """The wallet's key: the payer, or the owner of the account that pays. One of a file before the environment's.

        Raises WalletError.
        """
        if self.key_file is not None and self.mnemonic_file is not None:
            raise WalletError(f"{PREFIX}KEY_FILE and {PREFIX}MNEMONIC_FILE are two wallets", "unset one of them")
        if self.key_file is not None:
            return account_in(self.key_file, self.key_password)
        if self.mnemonic_file is not None:
            return account_of_words(self.mnemonic_file, self.mnemonic_path)
        if self.key is not None:
            self._require_devnet()
            return account_of(self.key)
        raise WalletError(
            "the agent has no wallet", f"set {PREFIX}KEY_FILE to a keystore, or start the devnet stack with: make up"
        )

    def payer(self) -> LocalAccount:
        """The wallet's key, which pays by itself. Raises WalletError, also where a contract pays."""
        if self.account:
            raise WalletError(f"{self.account} pays, and its owner's word does not count as its own here")
        return self.owner()

    def _require_devnet(self) -> None:
        """The policy names no network where money is at stake. Without one that can be read nothing is bought."""
        try:
            elsewhere = set(self.load_policy().networks) - {DEVNET}
        except PolicyError:
            return
        if elsewhere:
            mend = f"keep it in a keystore and set {PREFIX}KEY_FILE, or have a paddock-agent signer hold it"
            raise WalletError(f"{PREFIX}KEY is for the devnet only, and the policy names {min(elsewhere)}", mend)


def read_stack(path: Path) -> dict[str, Any]:
    """What `make up` wrote about the running stack; empty where there is none. Raises SettingsError."""
    try:
        stack = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        kind = type(error).__name__
        raise SettingsError(f"{path} cannot be read ({kind})", "run make up again, or remove it") from error
    return stack if isinstance(stack, dict) else {}


def _from_stack(stack: dict[str, Any]) -> dict[str, Any]:
    values = {
        "rpc": stack.get("rpc"),
        "seller": stack.get("server"),
        "finality": "latest" if stack else None,
        "key": stack.get("accounts", {}).get("buyer", {}).get("private_key"),
    }
    return {name: value for name, value in values.items() if value is not None}
