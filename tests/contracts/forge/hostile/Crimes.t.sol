// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {TestUSD} from "contracts/mocks/TestUSD.sol";
import {CopycatToken} from "contracts/mocks/hostile/CopycatToken.sol";
import {DivertingToken} from "contracts/mocks/hostile/DivertingToken.sol";
import {FalseReturningToken} from "contracts/mocks/hostile/FalseReturningToken.sol";
import {Make} from "../base/Make.sol";
import {Signatures} from "../base/Signatures.sol";
import {Vm, vm} from "../base/Vm.sol";

/// @title Every hostile mock commits its crime, so that a test that uses it tests something.
contract CrimesTest {
    bool public constant IS_TEST = true;

    uint256 private constant KEY = 0xa11ce;
    uint256 private constant FUNDS = 1_000_000;
    address private constant PAYEE = address(0xbeef);
    bytes32 private constant NONCE = bytes32(uint256(1));
    bytes32 private constant USED = keccak256("AuthorizationUsed(address,bytes32)");
    bytes32 private constant TRANSFER = keccak256("Transfer(address,address,uint256)");
    bytes4 private constant YES = IERC1271.isValidSignature.selector;

    address private immutable PAYER = vm.addr(KEY);

    function setUp() public {
        vm.warp(1_800_000_000);
    }

    function test_honest_money_leaves_one_transfer_behind_its_authorization() public {
        TestUSD token = TestUSD(Make.it("TestUSD", abi.encode(address(this))));
        Vm.Log[] memory logs = _pay(token);
        vm.assertEq(token.balanceOf(PAYEE), 500);
        _assertLogged(logs, address(token), 1);
    }

    function test_FeeTakingToken_pays_less() public {
        TestUSD token = TestUSD(Make.it("FeeTakingToken"));
        _pay(token);
        vm.assertEq(token.balanceOf(PAYEE), 495);
    }

    function test_LookAlikeToken_logs_as_honest_money_does_and_moves_nothing() public {
        TestUSD token = TestUSD(Make.it("LookAlikeToken"));
        _assertLogged(_pay(token), address(token), 1);
        vm.assertEq(token.balanceOf(PAYER), FUNDS);
        vm.assertEq(token.balanceOf(PAYEE), 0);
        vm.assertTrue(token.authorizationState(PAYER, NONCE));
    }

    function test_DoubleLoggingToken_moves_once_and_logs_twice() public {
        TestUSD token = TestUSD(Make.it("DoubleLoggingToken"));
        _assertLogged(_pay(token), address(token), 2);
        vm.assertEq(token.balanceOf(PAYEE), 500);
    }

    function test_DivertingToken_logs_as_honest_money_does_and_pays_its_maker() public {
        DivertingToken token = DivertingToken(Make.it("DivertingToken"));
        _assertLogged(_pay(token), address(token), 1);
        vm.assertEq(token.balanceOf(PAYER), FUNDS - 500);
        vm.assertEq(token.balanceOf(PAYEE), 0);
        vm.assertEq(token.balanceOf(address(this)), 500);
    }

    function test_CopycatToken_logs_as_honest_money_does_in_its_own_name() public {
        CopycatToken token = CopycatToken(Make.it("CopycatToken"));
        vm.recordLogs();
        token.copy(PAYER, PAYEE, 500, NONCE);
        _assertLogged(vm.getRecordedLogs(), address(token), 1);
        vm.assertEq(token.balanceOf(PAYEE), 0);
    }

    function test_FalseReturningToken_passes_for_a_dollar_and_neither_pays_nor_reverts() public {
        FalseReturningToken token = FalseReturningToken(Make.it("FalseReturningToken"));
        vm.assertEq(token.DOMAIN_SEPARATOR(), Signatures.domain("USDC", "2", address(token)));
        vm.assertEq(_pay(TestUSD(address(token))).length, 0);
        vm.assertFalse(TestUSD(address(token)).authorizationState(PAYER, NONCE));
        vm.assertEq(token.balanceOf(PAYEE), 0);
    }

    function test_TwoFacedWallet_signed_with_little_gas_and_not_with_more() public {
        address wallet = Make.it("TwoFacedWallet", abi.encode(60_000));
        (bytes4 little,) = _ask(wallet, 50_000);
        (bytes4 plenty,) = _ask(wallet, 500_000);
        vm.assertEq(bytes32(little), bytes32(YES));
        vm.assertEq(bytes32(plenty), bytes32(bytes4(0xffffffff)));
    }

    function test_GullibleWallet_signed_anything() public {
        (bytes4 answer,) = _ask(Make.it("GullibleWallet"), 50_000);
        vm.assertEq(bytes32(answer), bytes32(YES));
    }

    function test_LongWindedWallet_says_yes_and_goes_on() public {
        (bytes4 answer, uint256 size) = _ask(Make.it("LongWindedWallet"), 5_000_000);
        vm.assertEq(bytes32(answer), bytes32(YES));
        vm.assertEq(size, 250_000);
    }

    function test_ReturnBombWallet_reverts_at_length() public {
        (bytes4 answer, uint256 size) = _ask(Make.it("ReturnBombWallet"), 5_000_000);
        vm.assertEq(bytes32(answer), 0);
        vm.assertEq(size, 200_000);
    }

    function test_GasBurningWallet_leaves_nothing() public {
        address wallet = Make.it("GasBurningWallet");
        uint256 before = gasleft();
        _ask(wallet, 5_000_000);
        vm.assertGe(before - gasleft(), 5_000_000, "it left gas");
    }

    /// @dev A payment of 500 by EIP-3009, and what it logged.
    function _pay(TestUSD token) private returns (Vm.Log[] memory) {
        token.mint(PAYER, FUNDS);
        Signatures.Authorization memory a = Signatures.Authorization(PAYER, PAYEE, 500, 0, block.timestamp + 60, NONCE);
        bytes memory signature = Signatures.eip3009(KEY, address(token), Signatures.TRANSFER, a);
        vm.recordLogs();
        token.transferWithAuthorization(a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce, signature);
        return vm.getRecordedLogs();
    }

    /// @dev The payer's AuthorizationUsed, then so many Transfers of 500 to the payee.
    function _assertLogged(Vm.Log[] memory logs, address token, uint256 transfers) private view {
        vm.assertEq(logs.length, 1 + transfers);
        vm.assertEq(logs[0].topics[0], USED);
        vm.assertEq(logs[0].topics[1], bytes32(uint256(uint160(PAYER))));
        vm.assertEq(logs[0].topics[2], NONCE);
        for (uint256 i = 1; i <= transfers; ++i) {
            vm.assertEq(logs[i].emitter, token);
            vm.assertEq(logs[i].topics[0], TRANSFER);
            vm.assertEq(logs[i].topics[1], bytes32(uint256(uint160(PAYER))));
            vm.assertEq(logs[i].topics[2], bytes32(uint256(uint160(PAYEE))));
            vm.assertEq(abi.decode(logs[i].data, (uint256)), 500);
        }
    }

    /// @dev A wallet's answer (none if it reverts) and how long it was.
    function _ask(address wallet, uint256 gas_) private view returns (bytes4 answer, uint256 size) {
        bytes memory data = abi.encodeCall(IERC1271.isValidSignature, (keccak256("anything"), ""));
        assembly ("memory-safe") {
            mstore(0, 0)
            if staticcall(gas_, wallet, add(data, 0x20), mload(data), 0, 0x20) { answer := mload(0) }
            size := returndatasize()
        }
    }
}
