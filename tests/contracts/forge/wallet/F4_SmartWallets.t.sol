// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SmartWallet} from "contracts/mocks/SmartWallet.sol";
import {SmartWalletFactory} from "contracts/mocks/SmartWalletFactory.sol";
import {TestUSD} from "contracts/mocks/TestUSD.sol";
import {Make} from "../base/Make.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";
import {ProxyTest} from "../x402/ProxyTest.sol";

/// @title F4: smart wallets are known before they exist, and none takes what its owner signed for another.
contract F4SmartWalletsTest is ProxyTest {
    SmartWalletFactory private factory;

    function setUp() public override {
        super.setUp();
        factory = SmartWalletFactory(Make.it("SmartWalletFactory"));
    }

    /// @dev Permit2's struct does not name the payer: without the wallet's own domain, this would empty both.
    function test_f4_a_payment_signed_for_one_wallet_moves_nothing_of_another_of_the_same_owner() public {
        (address first, address second) = (_readyWallet("first"), _readyWallet("second"));
        Payment memory p = _payment(5e18);
        p.owner = first;
        _signExact(p);
        p.owner = second;
        bytes4 refusal = bytes4(keccak256("InvalidContractSignature()"));
        vm.expectRevert(refusal);
        this.callAs(THIEF, address(EXACT), _exactCall(p));
        p.owner = first;
        _callAs(THIEF, address(EXACT), _exactCall(p));
        vm.assertEq(dai.balanceOf(first), FUNDS - 5e18);
        vm.assertEq(dai.balanceOf(second), FUNDS);
    }

    function test_f4_a_signature_for_the_owner_itself_is_none_for_its_wallet() public {
        Payment memory p = _exact(5e18);
        p.owner = _readyWallet("first");
        vm.expectRevert(bytes4(keccak256("InvalidContractSignature()")));
        this.callAs(THIEF, address(EXACT), _exactCall(p));
    }

    function test_f4_a_signature_for_a_wallet_is_none_on_another_chain(bytes32 hash, uint64 chain) public {
        vm.assume(chain != block.chainid);
        SmartWallet wallet = SmartWallet(factory.deploy(PAYER, "first"));
        bytes memory signature = Signatures.signFor(address(wallet), PAYER_KEY, hash);
        vm.assertEq(bytes32(wallet.isValidSignature(hash, signature)), bytes32(bytes4(0x1626ba7e)));
        vm.chainId(chain);
        vm.assertEq(bytes32(wallet.isValidSignature(hash, signature)), bytes32(bytes4(0xffffffff)));
    }

    function test_isValidSignature_says_no_to_what_is_not_the_owners(bytes32 hash, uint256 key, bytes calldata any)
        public
    {
        SmartWallet wallet = SmartWallet(factory.deploy(PAYER, "first"));
        key = 1 + key % (type(uint128).max - 1);
        vm.assume(key != PAYER_KEY);
        bytes memory signature = Signatures.signFor(address(wallet), key, hash);
        vm.assertEq(bytes32(wallet.isValidSignature(hash, signature)), bytes32(bytes4(0xffffffff)));
        vm.assertEq(bytes32(wallet.isValidSignature(hash, any)), bytes32(bytes4(0xffffffff)));
        signature = Signatures.flip(Signatures.signFor(address(wallet), PAYER_KEY, hash));
        vm.assertEq(bytes32(wallet.isValidSignature(hash, signature)), bytes32(bytes4(0xffffffff)));
    }

    /// @dev What no key signed recovers to nobody, which is who owns this wallet.
    function test_isValidSignature_says_no_to_garbage_where_there_is_no_owner(bytes32 hash, bytes calldata any) public {
        SmartWallet wallet = SmartWallet(factory.deploy(address(0), "first"));
        vm.assertEq(bytes32(wallet.isValidSignature(hash, any)), bytes32(bytes4(0xffffffff)));
    }

    function test_digestOf_is_what_a_client_computes(bytes32 hash) public {
        SmartWallet wallet = SmartWallet(factory.deploy(PAYER, "first"));
        vm.assertEq(wallet.digestOf(hash), Signatures.walletDigest(address(wallet), hash));
    }

    function test_a_wallet_is_where_the_factory_said_whoever_deploys_it(address owner, bytes32 salt, address caller)
        public
    {
        address expected = factory.addressOf(owner, salt);
        vm.assertEq(expected.code.length, 0);
        vm.expectEmit(address(factory));
        emit SmartWalletFactory.WalletDeployed(expected, owner, salt);
        vm.prank(caller);
        vm.assertEq(factory.deploy(owner, salt), expected);
        vm.assertEq(SmartWallet(expected).SIGNER(), owner);
    }

    function test_deploying_a_wallet_again_changes_nothing() public {
        address wallet = factory.deploy(PAYER, "first");
        vm.recordLogs();
        vm.assertEq(factory.deploy(PAYER, "first"), wallet);
        vm.assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_every_owner_and_salt_has_a_wallet_of_its_own(address owner, bytes32 salt) public view {
        vm.assume(owner != PAYER && salt != bytes32("first"));
        address wallet = factory.addressOf(PAYER, "first");
        vm.assertTrue(factory.addressOf(owner, "first") != wallet);
        vm.assertTrue(factory.addressOf(PAYER, salt) != wallet);
    }

    /// @dev As a facilitator settles ERC-6492: the signature is made before there is a wallet, which comes first then.
    function test_a_payment_signed_before_the_wallet_exists_settles_once_it_does() public {
        TestUSD usd = TestUSD(Make.it("TestUSD", abi.encode(address(this))));
        address wallet = factory.addressOf(PAYER, "first");
        usd.mint(wallet, 1_000);
        Signatures.Authorization memory a =
            Signatures.Authorization(wallet, PAYEE, 10, 0, block.timestamp + 60, bytes32(uint256(1)));
        bytes32 structHash =
            keccak256(abi.encode(Signatures.TRANSFER, a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce));
        bytes32 hash = Signatures.digest(usd.DOMAIN_SEPARATOR(), structHash);
        bytes memory signature = Signatures.sign(PAYER_KEY, Signatures.walletDigest(wallet, hash));
        vm.expectRevert(bytes4(keccak256("ERC3009InvalidSignature()")));
        usd.transferWithAuthorization(a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce, signature);
        factory.deploy(PAYER, "first");
        usd.transferWithAuthorization(a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce, signature);
        vm.assertEq(usd.balanceOf(PAYEE), 10);
    }

    function test_execute_is_the_signers_alone_and_bubbles(address caller) public {
        vm.assume(caller != PAYER);
        SmartWallet wallet = SmartWallet(_readyWallet("first"));
        bytes memory transfer = abi.encodeCall(dai.transfer, (PAYEE, FUNDS + 1));
        vm.expectRevert(abi.encodeWithSelector(SmartWallet.OnlySigner.selector, caller));
        vm.prank(caller);
        wallet.execute(address(dai), transfer);
        vm.expectRevert(
            abi.encodeWithSignature(
                "ERC20InsufficientBalance(address,uint256,uint256)", address(wallet), FUNDS, FUNDS + 1
            )
        );
        vm.prank(PAYER);
        wallet.execute(address(dai), transfer);
    }

    /// @dev A wallet of the payer's with money, that gave Permit2 leave.
    function _readyWallet(bytes32 salt) private returns (address wallet) {
        wallet = factory.deploy(PAYER, salt);
        dai.mint(wallet, FUNDS);
        vm.prank(PAYER);
        SmartWallet(wallet).execute(address(dai), abi.encodeCall(dai.approve, (PERMIT2, type(uint256).max)));
    }
}
