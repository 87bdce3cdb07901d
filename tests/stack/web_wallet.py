"""A wallet in a browser's tab (EIP-1193), as a test has it: it signs with eth-account, and does as it is told."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from eth_account.messages import encode_defunct, encode_typed_data
from eth_account.signers.local import LocalAccount
from playwright.async_api import Page

_SCRIPT = """
window.ethereum = {
  async request({ method, params }) {
    const { code, message, result } = await window.walletAsked(method, params ?? []);
    if (code) throw Object.assign(new Error(message), { code });
    return result;
  },
};
"""
HOME = 31337
REFUSED, UNKNOWN_CHAIN = 4001, 4902


@dataclass
class WebWallet:
    """`asked` are the methods, in order, and `signed` the typed data; `refuses` maps a method to the code of its error.

    It knows the networks `knows` and is on `chain`. `meanwhile` happens while its holder reads what to sign.
    """

    account: LocalAccount
    chain: int = HOME
    knows: tuple[int, ...] = (HOME,)
    refuses: dict[str, int] = field(default_factory=dict)
    meanwhile: Callable[[], Awaitable[None]] | None = None
    asked: list[str] = field(default_factory=list)
    signed: list[dict[str, Any]] = field(default_factory=list)

    async def enter(self, tab: Page) -> None:
        """Be the wallet of every page that the tab opens from now on."""
        await tab.expose_function("walletAsked", self._answer)
        await tab.add_init_script(_SCRIPT)

    async def _answer(self, method: str, params: list[Any]) -> dict[str, Any]:
        self.asked.append(method)
        if method in self.refuses:
            return {"code": self.refuses[method], "message": "said no"}
        if method == "wallet_switchEthereumChain":
            wanted = int(params[0]["chainId"], 16)
            if wanted not in self.knows:
                return {"code": UNKNOWN_CHAIN, "message": "unknown chain"}
            self.chain = wanted
            return {"result": None}
        if self.meanwhile and method == "eth_signTypedData_v4":
            await self.meanwhile()
        answers = {
            "eth_requestAccounts": self._accounts,
            "eth_chainId": self._chain,
            "eth_signTypedData_v4": self._sign,
            "personal_sign": self._sign_text,
        }
        return {"result": answers[method](*params)}

    def _accounts(self) -> list[str]:
        return [self.account.address]

    def _chain(self) -> str:
        return hex(self.chain)

    def _sign(self, address: str, text: str) -> str:
        typed = json.loads(text)
        assert address == self.account.address
        assert typed["domain"]["chainId"] == self.chain, "a wallet signs for the network that it is on"
        self.signed.append(typed)
        signature = self.account.sign_message(encode_typed_data(full_message=typed)).signature
        return "0x" + bytes(signature).hex()

    def _sign_text(self, text: str, address: str) -> str:
        assert address == self.account.address
        signature = self.account.sign_message(encode_defunct(hexstr=text)).signature
        return "0x" + bytes(signature).hex()
