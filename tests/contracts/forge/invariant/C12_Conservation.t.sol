// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Make} from "../base/Make.sol";
import {Market} from "./Market.sol";

/// @title C12: whatever happens in whatever order, money is conserved and every payment has one effect.
contract C12ConservationTest {
    bool public constant IS_TEST = true;

    Market private market;

    function setUp() public {
        market = Market(Make.it("Market"));
        market.setUp();
    }

    /// @notice What forge calls at random.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = Market.pay.selector;
        selectors[1] = Market.refund.selector;
        selectors[2] = Market.strayTransfer.selector;
        selectors[3] = Market.declareSurplus.selector;
        selectors[4] = Market.withdraw.selector;
        selectors[5] = Market.reprice.selector;
        selectors[6] = Market.payBadly.selector;
        selectors[7] = Market.buy.selector;
        selectors[8] = Market.buyBadly.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(market), selectors);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @notice The contracts that forge calls.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(market);
    }

    function invariant_money_is_conserved_and_every_payment_has_one_effect() public view {
        market.assertHealthy();
    }
}
