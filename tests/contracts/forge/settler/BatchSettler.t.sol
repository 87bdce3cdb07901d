// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BatchSettler} from "contracts/BatchSettler.sol";
import {SmartWallet} from "contracts/mocks/SmartWallet.sol";
import {TestUSD} from "contracts/mocks/TestUSD.sol";
import {FalseReturningToken} from "contracts/mocks/hostile/FalseReturningToken.sol";
import {FeeTakingToken} from "contracts/mocks/hostile/FeeTakingToken.sol";
import {GasBurningWallet} from "contracts/mocks/hostile/GasBurningWallet.sol";
import {GullibleWallet} from "contracts/mocks/hostile/GullibleWallet.sol";
import {LookAlikeToken} from "contracts/mocks/hostile/LookAlikeToken.sol";
import {ReentrantToken} from "contracts/mocks/hostile/ReentrantToken.sol";
import {ReturnBombWallet} from "contracts/mocks/hostile/ReturnBombWallet.sol";
import {Make} from "../base/Make.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";

/// @title BatchSettler: every item moves exactly its amount or nothing, whatever its neighbours do.
contract BatchSettlerTest {
    bool public constant IS_TEST = true;

    uint256 private constant ITEM_GAS = 150_000;
    uint256 private constant KEY = 0xa11ce;
    uint256 private constant FUNDS = 1_000_000_000;
    address private constant PAYEE = address(0xbeef);
    address private constant OTHER = address(0xcafe);

    BatchSettler private settler;
    TestUSD private usd;
    address private payer;

    function setUp() public {
        vm.warp(1_800_000_000);
        settler = BatchSettler(Make.it("BatchSettler"));
        usd = TestUSD(Make.it("TestUSD", abi.encode(address(this))));
        payer = vm.addr(KEY);
        usd.mint(payer, FUNDS);
    }

    function test_settle_moves_every_item_and_says_so() public {
        bytes memory items;
        for (uint256 i; i < 5; ++i) {
            items = bytes.concat(items, _item(_authorization(i, i % 2 == 0 ? PAYEE : OTHER, 100 + i)));
        }
        for (uint256 i; i < 5; ++i) {
            vm.expectEmit(address(settler));
            emit BatchSettler.SettlementResult(i, payer, bytes32(i), true);
        }
        vm.assertEq(settler.settle(address(usd), ITEM_GAS, items), 5);
        vm.assertEq(usd.balanceOf(PAYEE), 100 + 102 + 104);
        vm.assertEq(usd.balanceOf(OTHER), 101 + 103);
    }

    function test_settle_takes_both_forms_of_signature_and_smart_wallets() public {
        SmartWallet wallet = SmartWallet(Make.it("SmartWallet", abi.encode(payer)));
        usd.mint(address(wallet), FUNDS);
        Signatures.Authorization memory byWallet = _authorization(2, PAYEE, 30);
        byWallet.from = address(wallet);
        bytes memory items = bytes.concat(
            _item(_authorization(0, PAYEE, 10)), _bytesItem(_authorization(1, PAYEE, 20)), _bytesItem(byWallet)
        );
        vm.assertEq(settler.settle(address(usd), ITEM_GAS, items), 3);
        vm.assertEq(usd.balanceOf(PAYEE), 60);
        vm.assertEq(usd.balanceOf(address(wallet)), FUNDS - 30);
    }

    function test_settle_of_nothing_settles_nothing() public {
        vm.assertEq(settler.settle(address(usd), ITEM_GAS, ""), 0);
    }

    /// @dev One item of six is bad, in one of seven ways, at any place.
    function test_one_bad_item_never_spoils_the_rest(uint8 place, uint8 crime) public {
        place %= 6;
        bytes memory items;
        for (uint256 i; i < 6; ++i) {
            Signatures.Authorization memory good = _authorization(i, i < 4 ? PAYEE : OTHER, 100);
            items = bytes.concat(items, i == place ? _spoilt(good, crime % 7) : _item(good));
        }
        for (uint256 i; i < 6; ++i) {
            vm.expectEmit(address(settler));
            emit BatchSettler.SettlementResult(i, payer, bytes32(i), i != place);
        }
        vm.assertEq(settler.settle(address(usd), ITEM_GAS, items), 5);
        vm.assertEq(usd.balanceOf(PAYEE) + usd.balanceOf(OTHER), 500);
    }

    function test_an_item_settles_once() public {
        bytes memory item = _item(_authorization(1, PAYEE, 100));
        vm.assertEq(settler.settle(address(usd), ITEM_GAS, bytes.concat(item, item)), 1);
        vm.assertEq(settler.settle(address(usd), ITEM_GAS, item), 0);
        vm.assertEq(usd.balanceOf(PAYEE), 100);
    }

    /// @dev Its amount is there even when the token refuses it: only the token's answer tells.
    function test_an_item_of_nothing_settles_once() public {
        bytes memory item = _item(_authorization(1, PAYEE, 0));
        vm.assertEq(settler.settle(address(usd), ITEM_GAS, bytes.concat(item, item)), 1);
    }

    function test_an_item_fails_when_the_token_takes_a_fee() public {
        FeeTakingToken token = FeeTakingToken(Make.it("FeeTakingToken"));
        _assertFailsWith(token, _authorization(1, PAYEE, 100));
        vm.assertFalse(token.authorizationState(payer, bytes32(uint256(1))));
    }

    function test_an_item_fails_when_the_token_only_logs_it() public {
        _assertFailsWith(LookAlikeToken(Make.it("LookAlikeToken")), _authorization(1, PAYEE, 100));
    }

    function test_an_item_fails_when_the_token_returns_false() public {
        FalseReturningToken token = FalseReturningToken(Make.it("FalseReturningToken"));
        bytes memory item = _item(_authorization(1, PAYEE, 100));
        vm.assertEq(settler.settle(address(token), ITEM_GAS, item), 0);
    }

    function test_an_item_fails_when_the_token_has_no_code() public {
        bytes memory items = bytes.concat(_item(_authorization(1, PAYEE, 0)), _item(_authorization(2, PAYEE, 1)));
        vm.assertEq(settler.settle(address(0x404), ITEM_GAS, items), 0);
    }

    function test_an_item_fails_when_payer_and_payee_are_the_same() public {
        _assertFailsWith(usd, _authorization(1, payer, 100));
    }

    function test_an_item_fails_when_its_payee_is_paid_otherwise_meanwhile() public {
        ReentrantToken token = ReentrantToken(Make.it("ReentrantToken"));
        token.mint(payer, FUNDS);
        token.arm(address(token), abi.encodeCall(token.mint, (PAYEE, 1)));
        bytes memory item = _itemOf(address(token), _authorization(1, PAYEE, 100));
        vm.assertEq(settler.settle(address(token), ITEM_GAS * 2, item), 0);
        vm.assertEq(token.balanceOf(PAYEE), 0);
    }

    function test_a_token_that_calls_back_in_settles_nothing_twice() public {
        ReentrantToken token = ReentrantToken(Make.it("ReentrantToken"));
        token.mint(payer, FUNDS);
        bytes memory inner = _itemOf(address(token), _authorization(1, PAYEE, 100));
        token.arm(address(settler), abi.encodeCall(settler.settle, (address(token), ITEM_GAS, inner)));
        bytes memory outer = _itemOf(address(token), _authorization(2, PAYEE, 100));
        vm.assertEq(settler.settle(address(token), 1_000_000, bytes.concat(outer, inner)), 1);
        vm.assertEq(token.balanceOf(PAYEE), 100);
    }

    /// @dev The payee's balance is carried from item to item, and it stays right when the payee pays in between.
    function test_the_balance_carried_along_is_the_true_one() public {
        uint256 payeeKey = 0xbee;
        address payee = vm.addr(payeeKey);
        Signatures.Authorization memory back = _authorization(3, OTHER, 50);
        back.from = payee;
        bytes memory items = bytes.concat(
            _item(_authorization(1, payee, 100)),
            _spoilt(_authorization(2, payee, 100), 0),
            _pack(back, 0, Signatures.eip3009(payeeKey, address(usd), Signatures.TRANSFER, back)),
            _item(_authorization(4, payee, 100)),
            _item(_authorization(5, payee, 100))
        );
        vm.assertEq(settler.settle(address(usd), ITEM_GAS, items), 4);
        vm.assertEq(usd.balanceOf(payee), 250);
    }

    function test_a_wallet_that_burns_gas_burns_only_its_items() public {
        uint256 cost = _costWith(Make.it("GasBurningWallet"));
        vm.assertLe(cost, ITEM_GAS + 250_000, "the wallet burnt more than its item has");
    }

    function test_a_wallet_that_answers_with_a_bomb_fails_alone() public {
        uint256 cost = _costWith(Make.it("ReturnBombWallet"));
        vm.assertLe(cost, ITEM_GAS + 250_000, "the bomb was copied");
    }

    /// @dev A gullible wallet's own loss, and nobody else's.
    function test_a_gullible_wallet_pays_what_anybody_says() public {
        address wallet = Make.it("GullibleWallet");
        usd.mint(wallet, FUNDS);
        Signatures.Authorization memory authorization = _authorization(1, PAYEE, 100);
        authorization.from = wallet;
        vm.assertEq(settler.settle(address(usd), ITEM_GAS, _pack(authorization, 3, "any")), 1);
        vm.assertEq(usd.balanceOf(payer), FUNDS);
    }

    function test_settle_reverts_when_an_item_is_cut_short(uint16 cut) public {
        bytes memory first = _item(_authorization(1, PAYEE, 100));
        bytes memory second = _bytesItem(_authorization(2, PAYEE, 100));
        uint256 length = 1 + cut % (second.length - 1);
        bytes memory items = bytes.concat(first, second);
        assembly ("memory-safe") {
            mstore(items, add(mload(first), length))
        }
        vm.expectRevert(abi.encodeWithSelector(BatchSettler.ItemTruncated.selector, first.length));
        settler.settle(address(usd), ITEM_GAS, items);
        vm.assertEq(usd.balanceOf(PAYEE), 0);
    }

    function test_settle_of_garbage_settles_nothing(bytes calldata items) public {
        try settler.settle(address(usd), ITEM_GAS, items) returns (uint256 settled) {
            vm.assertEq(settled, 0);
        } catch (bytes memory reason) {
            vm.assertEq(bytes32(bytes4(reason)), bytes32(BatchSettler.ItemTruncated.selector));
        }
    }

    /// @dev An item's failure is its own: a relayer that brings too little gas gets nothing done at all.
    function test_settle_reverts_when_an_item_would_be_starved(uint256 gas_) public {
        bytes memory items = bytes.concat(_item(_authorization(1, PAYEE, 1)), _item(_authorization(2, PAYEE, 2)));
        gas_ = 30_000 + gas_ % 400_000;
        bytes memory data = abi.encodeCall(settler.settle, (address(usd), ITEM_GAS, items));
        (bool success, bytes memory answer) = address(settler).call{gas: gas_}(data);
        if (success) vm.assertEq(abi.decode(answer, (uint256)), 2);
        vm.assertEq(usd.balanceOf(PAYEE), success ? 3 : 0);
    }

    function test_settle_says_which_item_lacks_gas() public {
        bytes memory item = _item(_authorization(1, PAYEE, 1));
        vm.expectPartialRevert(BatchSettler.BatchGasTooLow.selector);
        settler.settle{gas: 150_000}(address(usd), ITEM_GAS, item);
    }

    function test_settleItem_reverts_when_called_from_outside() public {
        bytes memory item = _item(_authorization(1, PAYEE, 1));
        vm.expectRevert(abi.encodeWithSelector(BatchSettler.OnlySelf.selector, address(this)));
        settler.settleItem(address(usd), 0, item);
    }

    /// @dev 0 bad signature, 1 expired, 2 not yet valid, 3 used, 4 too dear, 5 payee blacklisted, 6 other payee.
    function _spoilt(Signatures.Authorization memory good, uint256 crime) private returns (bytes memory item) {
        if (crime == 1) good.validBefore = block.timestamp;
        if (crime == 2) good.validAfter = block.timestamp;
        if (crime == 4) good.value = FUNDS + 1;
        if (crime == 5) {
            good.to = address(0xbad);
            usd.setBlacklisted(good.to, true);
        }
        item = _item(good);
        if (crime == 0) item[item.length - 2] ^= 0x01;
        if (crime == 3) {
            settler.settle(address(usd), ITEM_GAS, item);
            vm.prank(good.to);
            usd.transfer(address(1), good.value);
        }
        if (crime == 6) item[39] ^= 0x01;
    }

    function _assertFailsWith(TestUSD token, Signatures.Authorization memory authorization) private {
        if (address(token) != address(usd)) token.mint(payer, FUNDS);
        bytes memory item = _itemOf(address(token), authorization);
        vm.expectEmit(address(settler));
        emit BatchSettler.SettlementResult(0, payer, authorization.nonce, false);
        vm.assertEq(settler.settle(address(token), ITEM_GAS, item), 0);
        vm.assertEq(token.balanceOf(payer), FUNDS, "nothing moved");
        vm.assertEq(token.balanceOf(PAYEE), 0);
    }

    function _costWith(address wallet) private returns (uint256 cost) {
        usd.mint(wallet, FUNDS);
        Signatures.Authorization memory hostile = _authorization(2, PAYEE, 100);
        hostile.from = wallet;
        bytes memory items = bytes.concat(
            _item(_authorization(1, PAYEE, 100)), _bytesItem(hostile), _item(_authorization(3, PAYEE, 100))
        );
        uint256 before = gasleft();
        vm.assertEq(settler.settle(address(usd), ITEM_GAS, items), 2);
        cost = before - gasleft();
        vm.assertEq(usd.balanceOf(PAYEE), 200);
    }

    function _authorization(uint256 nonce, address to, uint256 value)
        private
        view
        returns (Signatures.Authorization memory)
    {
        return Signatures.Authorization(payer, to, value, 0, block.timestamp + 60, bytes32(nonce));
    }

    function _item(Signatures.Authorization memory authorization) private view returns (bytes memory) {
        return _itemOf(address(usd), authorization);
    }

    function _itemOf(address token, Signatures.Authorization memory a) private view returns (bytes memory) {
        return _pack(a, 0, Signatures.eip3009(KEY, token, Signatures.TRANSFER, a));
    }

    function _bytesItem(Signatures.Authorization memory a) private view returns (bytes memory) {
        return _pack(a, 65, Signatures.eip3009(KEY, address(usd), Signatures.TRANSFER, a));
    }

    function _pack(Signatures.Authorization memory a, uint16 length, bytes memory signature)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            a.from, a.to, uint128(a.value), uint48(a.validAfter), uint48(a.validBefore), a.nonce, length, signature
        );
    }
}
