// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {WalletSettler} from "contracts/WalletSettler.sol";
import {TestUSD} from "contracts/mocks/TestUSD.sol";
import {GasBurningWallet} from "contracts/mocks/hostile/GasBurningWallet.sol";
import {HostileFactory} from "contracts/mocks/hostile/HostileFactory.sol";
import {Make} from "../base/Make.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";

/// @title F2, F3, F4: a wallet is made and its payment settled together or not at all, whatever its factory does.
contract F2WalletSettlerTest {
    bool public constant IS_TEST = true;

    uint256 private constant KEY = 0xa11ce;
    uint256 private constant FUNDS = 1_000_000;
    address private constant PAYEE = address(0xbeef);
    bytes32 private constant SALT = "first";

    WalletSettler private settler;
    TestUSD private usd;
    HostileFactory private factory;
    address private owner;
    address private wallet;

    function setUp() public {
        vm.warp(1_800_000_000);
        settler = WalletSettler(Make.it("WalletSettler"));
        usd = TestUSD(Make.it("TestUSD", abi.encode(address(this))));
        factory = HostileFactory(Make.it("HostileFactory"));
        owner = vm.addr(KEY);
        wallet = factory.addressOf(owner, SALT);
        usd.mint(wallet, FUNDS);
    }

    function test_f2_the_wallet_is_made_and_its_payment_settled_in_one_transaction() public {
        settler.settle(address(factory), _deploy(), _payment(wallet, 10));
        vm.assertTrue(wallet.code.length != 0);
        vm.assertEq(usd.balanceOf(PAYEE), 10);
        vm.assertEq(usd.balanceOf(wallet), FUNDS - 10);
    }

    function test_f2_a_payment_is_settled_once() public {
        WalletSettler.Payment memory payment = _payment(wallet, 10);
        settler.settle(address(factory), _deploy(), payment);
        vm.expectPartialRevert(bytes4(keccak256("ERC3009UsedAuthorization(address,bytes32)")));
        settler.settle(address(factory), _deploy(), payment);
    }

    function test_a_wallet_that_is_there_needs_no_factory() public {
        factory.deploy(owner, SALT);
        settler.settle(address(0), "", _payment(wallet, 10));
        vm.assertEq(usd.balanceOf(PAYEE), 10);
    }

    function test_f2_a_forged_signature_leaves_no_wallet_behind() public {
        WalletSettler.Payment memory payment = _payment(wallet, 10);
        payment.signature = Signatures.sign(KEY + 1, bytes32("anything"));
        vm.expectRevert(bytes4(keccak256("ERC3009InvalidSignature()")));
        settler.settle(address(factory), _deploy(), payment);
        vm.assertEq(wallet.code.length, 0);
        vm.assertEq(usd.balanceOf(PAYEE), 0);
    }

    function test_f4_what_is_signed_for_one_wallet_moves_nothing_of_the_owners_other_one() public {
        WalletSettler.Payment memory payment = _payment(wallet, 10);
        payment.from = factory.addressOf(owner, "second");
        usd.mint(payment.from, FUNDS);
        vm.expectRevert(bytes4(keccak256("ERC3009InvalidSignature()")));
        settler.settle(address(factory), abi.encodeCall(factory.deploy, (owner, "second")), payment);
    }

    function test_f2_a_key_without_code_is_no_wallet_whatever_it_signed() public {
        usd.mint(owner, FUNDS);
        WalletSettler.Payment memory payment = _payment(owner, 10);
        vm.expectRevert(abi.encodeWithSelector(WalletSettler.WalletNotMade.selector, owner, address(factory)));
        settler.settle(address(factory), _deploy(), payment);
        vm.assertEq(wallet.code.length, 0);
    }

    function test_a_factory_that_makes_nothing_or_the_wrong_wallet_settles_nothing() public {
        _assertRefuses(address(factory), abi.encodeCall(factory.makeNothing, (owner, SALT)));
        _assertRefuses(address(factory), abi.encodeCall(factory.deploy, (owner, "second")));
        _assertRefuses(address(0xdead), _deploy());
        _assertRefuses(address(factory), "");
    }

    function test_a_return_bomb_costs_no_more_than_its_own_gas() public {
        uint256 before = gasleft();
        _assertRefuses(address(factory), abi.encodeCall(factory.makeReturnBomb, ()));
        vm.assertLe(before - gasleft(), 150_000, "the bomb was copied");
    }

    function test_a_factory_that_burns_gas_burns_what_a_deployment_may() public {
        uint256 before = gasleft();
        _assertRefuses(address(factory), abi.encodeCall(factory.makeHeat, ()));
        vm.assertLe(before - gasleft(), settler.DEPLOYMENT_GAS() + 100_000, "more than a deployment may use");
    }

    function test_a_wallet_that_burns_gas_burns_what_a_settlement_may() public {
        WalletSettler.Payment memory payment = _payment(Make.it("GasBurningWallet"), 10);
        usd.mint(payment.from, FUNDS);
        uint256 before = gasleft();
        vm.expectRevert();
        settler.settle(address(0), "", payment);
        vm.assertLe(before - gasleft(), settler.SETTLEMENT_GAS() + 100_000, "more than a settlement may use");
    }

    /// @dev The inner settlement moves the money; then the outer one finds the nonce used, and nothing has happened.
    function test_a_factory_that_settles_the_payment_itself_settles_nothing() public {
        WalletSettler.Payment memory payment = _payment(wallet, 10);
        bytes memory again = abi.encodeCall(settler.settle, (address(0), "", payment));
        bytes memory call = abi.encodeCall(factory.makeAndCall, (owner, SALT, address(settler), again));
        vm.expectPartialRevert(bytes4(keccak256("ERC3009UsedAuthorization(address,bytes32)")));
        settler.settle(address(factory), call, payment);
        vm.assertEq(usd.balanceOf(PAYEE), 0);
        vm.assertEq(wallet.code.length, 0);
    }

    /// @dev A factory is a stranger to every token: it can hand in what was signed, and take nothing.
    function test_a_factory_takes_nothing_from_anybody() public {
        bytes memory theft = abi.encodeCall(usd.transferFrom, (wallet, address(factory), 1));
        bytes memory call = abi.encodeCall(factory.makeAndCall, (owner, SALT, address(usd), theft));
        _assertRefuses(address(factory), call);
        _assertRefuses(address(usd), theft);
        vm.assertEq(usd.balanceOf(wallet), FUNDS);
        vm.assertEq(usd.allowance(address(settler), address(factory)), 0);
    }

    function test_a_token_that_is_no_contract_settles_nothing() public {
        WalletSettler.Payment memory payment = _payment(wallet, 10);
        payment.token = address(0xdead);
        vm.expectRevert();
        settler.settle(address(factory), _deploy(), payment);
        vm.assertEq(wallet.code.length, 0);
    }

    function test_f3_garbage_in_place_of_calldata_and_signature_settles_nothing(bytes calldata any, address maker)
        public
    {
        vm.assume(maker != address(vm) && maker.code.length == 0 && uint160(maker) > 0x100);
        WalletSettler.Payment memory payment = _payment(wallet, 10);
        vm.expectRevert(abi.encodeWithSelector(WalletSettler.WalletNotMade.selector, wallet, maker));
        settler.settle(maker, any, payment);
        payment.signature = any;
        vm.expectRevert();
        settler.settle(address(factory), _deploy(), payment);
        vm.assertEq(usd.balanceOf(PAYEE), 0);
    }

    function _assertRefuses(address maker, bytes memory deployment) private {
        WalletSettler.Payment memory payment = _payment(wallet, 10);
        vm.expectRevert(abi.encodeWithSelector(WalletSettler.WalletNotMade.selector, wallet, maker));
        settler.settle(maker, deployment, payment);
        vm.assertEq(usd.balanceOf(PAYEE), 0);
    }

    function _deploy() private view returns (bytes memory) {
        return abi.encodeCall(factory.deploy, (owner, SALT));
    }

    /// @dev Signed before there is a wallet, within the domain that it will have.
    function _payment(address from, uint256 value) private view returns (WalletSettler.Payment memory) {
        uint256 end = block.timestamp + 60;
        bytes32 nonce = keccak256(abi.encode(from, value));
        bytes32 structHash = keccak256(abi.encode(Signatures.TRANSFER, from, PAYEE, value, 0, end, nonce));
        bytes32 hash = Signatures.digest(usd.DOMAIN_SEPARATOR(), structHash);
        bytes memory signature = Signatures.sign(KEY, from == owner ? hash : Signatures.walletDigest(from, hash));
        return WalletSettler.Payment(address(usd), from, PAYEE, value, 0, end, nonce, signature);
    }
}
