"""A contract with immutables as solc 0.8.37 compiled it, optimised for 200 runs, with what solc itself says of it."""

SOURCE = """\
// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;
contract Till { uint256 public immutable limit; address public immutable keeper;
constructor(uint256 l) { limit = l; keeper = msg.sender; }
function over(uint256 amount) external view returns (bool) { return amount > limit && msg.sender == keeper; } }
"""

RUNTIME = bytes.fromhex(
    "608060405234801561000f575f5ffd5b506004361061003f575f3560e01c80636ad4e25114610043578063a4d66daf1461006b578063"
    "aced1661146100a0575b5f5ffd5b61005661005136600461013d565b6100df565b60405190151581526020015b60405180910390f35b"
    "6100927f000000000000000000000000000000000000000000000000000000000000000081565b604051908152602001610062565b61"
    "00c77f000000000000000000000000000000000000000000000000000000000000000081565b6040516001600160a01b039091168152"
    "602001610062565b5f7f0000000000000000000000000000000000000000000000000000000000000000821180156101375750336001"
    "600160a01b037f000000000000000000000000000000000000000000000000000000000000000016145b92915050565b5f6020828403"
    "121561014d575f5ffd5b503591905056fea2646970667358221220606cbc24ec26736a402bd9efd3321e17767bd3fe488ca740cb06a5"
    "f53f22f84564736f6c63430008250033"
)
COMMENTED = bytes.fromhex(
    "608060405234801561000f575f5ffd5b506004361061003f575f3560e01c80636ad4e25114610043578063a4d66daf1461006b578063"
    "aced1661146100a0575b5f5ffd5b61005661005136600461013d565b6100df565b60405190151581526020015b60405180910390f35b"
    "6100927f000000000000000000000000000000000000000000000000000000000000000081565b604051908152602001610062565b61"
    "00c77f000000000000000000000000000000000000000000000000000000000000000081565b6040516001600160a01b039091168152"
    "602001610062565b5f7f0000000000000000000000000000000000000000000000000000000000000000821180156101375750336001"
    "600160a01b037f000000000000000000000000000000000000000000000000000000000000000016145b92915050565b5f6020828403"
    "121561014d575f5ffd5b503591905056fea264697066735822122061abb9c36e38e7b85923a5f86977491b078f673c8b5e972ed94c53"
    "474707cc4364736f6c63430008250033"
)
"""The same source with a comment."""

LIMIT, KEEPER = (
    [{"length": 32, "start": 112}, {"length": 32, "start": 226}],
    [{"length": 32, "start": 165}, {"length": 32, "start": 277}],
)
"""`immutableReferences`."""

METADATA = (
    '{"compiler":{"version":"0.8.37+commit.f401782d"},"language":"Solidity","output":{"abi":[{"inputs":[{"interna'
    'lType":"uint256","name":"l","type":"uint256"}],"stateMutability":"nonpayable","type":"constructor"},{"inputs'
    '":[],"name":"keeper","outputs":[{"internalType":"address","name":"","type":"address"}],"stateMutability":"vi'
    'ew","type":"function"},{"inputs":[],"name":"limit","outputs":[{"internalType":"uint256","name":"","type":"ui'
    'nt256"}],"stateMutability":"view","type":"function"},{"inputs":[{"internalType":"uint256","name":"amount","t'
    'ype":"uint256"}],"name":"over","outputs":[{"internalType":"bool","name":"","type":"bool"}],"stateMutability"'
    ':"view","type":"function"}],"devdoc":{"kind":"dev","methods":{},"version":1},"userdoc":{"kind":"user","metho'
    'ds":{},"version":1}},"settings":{"compilationTarget":{"Till.sol":"Till"},"evmVersion":"osaka","libraries":{}'
    ',"metadata":{"bytecodeHash":"ipfs"},"optimizer":{"enabled":true,"runs":200},"remappings":[]},"sources":{"Til'
    'l.sol":{"keccak256":"0x3eb90436c4c23ff333a10ec8dd2f12ed5fa11c29d7558cc6e465ab310fbddb25","license":"MIT","ur'
    'ls":["bzz-raw://dc4479a792f98df9bb6c94ad61469bc9c850b1fa546ad5620819b3c35a815dea","dweb:/ipfs/QmR72tGGM8pTup'
    'SVaKHNZHQVaBBhvm192hftdtGbaACDVt"]}},"version":1}'
)
