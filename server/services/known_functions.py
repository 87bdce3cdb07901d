"""Well-known contract functions: their 4-byte selectors, what they let somebody do, and the standards they make up."""

from protocol.hashing import keccak

PLAIN = "plain"
"""A function that grants nobody a privilege."""

_SIGNATURES = {
    PLAIN: """
        name() symbol() decimals() totalSupply() balanceOf(address) transfer(address,uint256)
        transferFrom(address,address,uint256) approve(address,uint256) allowance(address,address)
        increaseAllowance(address,uint256) decreaseAllowance(address,uint256)
        permit(address,address,uint256,uint256,uint8,bytes32,bytes32) permit(address,address,uint256,uint256,bytes)
        nonces(address) DOMAIN_SEPARATOR() eip712Domain() version()
        transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)
        transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)
        receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)
        receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)
        cancelAuthorization(address,bytes32,uint8,bytes32,bytes32) cancelAuthorization(address,bytes32,bytes)
        authorizationState(address,bytes32)
        ownerOf(uint256) safeTransferFrom(address,address,uint256) safeTransferFrom(address,address,uint256,bytes)
        setApprovalForAll(address,bool) getApproved(uint256) isApprovedForAll(address,address) tokenURI(uint256)
        balanceOf(address,uint256) balanceOfBatch(address[],uint256[])
        safeTransferFrom(address,address,uint256,uint256,bytes)
        safeBatchTransferFrom(address,address,uint256[],uint256[],bytes) uri(uint256)
        supportsInterface(bytes4) isValidSignature(bytes32,bytes)
        owner() pendingOwner() paused() getRoleAdmin(bytes32) hasRole(bytes32,address) implementation() admin()
        proxiableUUID() UPGRADE_INTERFACE_VERSION() isBlacklisted(address) minter() masterMinter() isMinter(address)
        deposit() withdraw(uint256) deposit(uint256,address) withdraw(uint256,address,address)
        redeem(uint256,address,address) mint() burn(uint256) burnFrom(address,uint256) multicall(bytes[])
    """,
    "mint": """
        mint(address,uint256) mint(uint256) mint(address) mintTo(address,uint256) mintTo(address)
        safeMint(address,uint256) safeMint(address) batchMint(address[],uint256[]) configureMinter(address,uint256)
        addMinter(address) updateMasterMinter(address) issue(uint256) crosschainMint(address,uint256)
    """,
    "seize": """
        burn(address,uint256) destroyBlackFunds(address) wipeFrozenAddress(address)
        forceTransfer(address,address,uint256) forcedTransfer(address,address,uint256)
        clawback(address,uint256) crosschainBurn(address,uint256) wipeBlacklistedAddress(address)
    """,
    "blacklist": """
        blacklist(address) unBlacklist(address) blackList(address) addBlackList(address) removeBlackList(address)
        addToBlacklist(address) setBlacklist(address,bool) updateBlacklister(address) freeze(address) unfreeze(address)
        freezeAccount(address,bool) blockAccount(address) blockUser(address) unblockUser(address)
    """,
    "pause": """
        pause() unpause() setPaused(bool) updatePauser(address) setTradingEnabled(bool) enableTrading() pauseTrading()
        freeze() unfreeze()
    """,
    "upgrade": """
        upgradeTo(address) upgradeToAndCall(address,bytes) upgrade(address,address)
        upgradeAndCall(address,address,bytes) changeAdmin(address) changeProxyAdmin(address,address)
        setImplementation(address) diamondCut((address,uint8,bytes4[])[],address,bytes)
    """,
    "fees": """
        setFee(uint256) setFees(uint256,uint256) setTaxFee(uint256) setTax(uint256) setTaxFeePercent(uint256)
        setBuyFee(uint256) setSellFee(uint256) setParams(uint256,uint256) setMaxTxAmount(uint256)
        setFeeRecipient(address) excludeFromFee(address)
    """,
    "ownership": """
        transferOwnership(address) renounceOwnership() acceptOwnership() setOwner(address) grantRole(bytes32,address)
        revokeRole(bytes32,address) renounceRole(bytes32,address) rescueERC20(address,address,uint256)
        recoverERC20(address,uint256) withdrawToken(address,uint256) sweep(address,address) initialize(address)
        initialize()
    """,
}


def selector(signature: str) -> str:
    """The first four bytes of the signature's Keccak-256 hash, 0x-hex (Solidity ABI specification)."""
    return "0x" + keccak(signature.encode())[:4].hex()


KNOWN: dict[str, tuple[str, str]] = {
    selector(signature): (signature, group) for group, text in _SIGNATURES.items() for signature in text.split()
}
"""Signature and group by selector."""

_STANDARDS = {
    "ERC-20": """totalSupply() balanceOf(address) transfer(address,uint256) transferFrom(address,address,uint256)
        approve(address,uint256) allowance(address,address)""",
    "ERC-2612": """permit(address,address,uint256,uint256,uint8,bytes32,bytes32) nonces(address) DOMAIN_SEPARATOR()""",
    "ERC-3009": """transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)
        authorizationState(address,bytes32)""",
    "ERC-721": """balanceOf(address) ownerOf(uint256) approve(address,uint256) setApprovalForAll(address,bool)
        safeTransferFrom(address,address,uint256) safeTransferFrom(address,address,uint256,bytes)
        transferFrom(address,address,uint256) getApproved(uint256) isApprovedForAll(address,address)""",
    "ERC-1155": """balanceOf(address,uint256) balanceOfBatch(address[],uint256[]) setApprovalForAll(address,bool)
        isApprovedForAll(address,address) safeTransferFrom(address,address,uint256,uint256,bytes)
        safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)""",
    "ERC-165": "supportsInterface(bytes4)",
    "ERC-1271": "isValidSignature(bytes32,bytes)",
}
_REQUIRED = {name: {selector(signature) for signature in text.split()} for name, text in _STANDARDS.items()}


def standards(selectors: set[str]) -> list[str]:
    """The standards of which every required function is among the selectors."""
    return [name for name, required in _REQUIRED.items() if required <= selectors]
