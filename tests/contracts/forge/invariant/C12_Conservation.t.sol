// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Make} from "../base/Make.sol";
import {MachineTest} from "./MachineTest.sol";
import {Market} from "./Market.sol";

/// @title C12: whatever happens in whatever order, money is conserved and every payment has one effect.
contract C12ConservationTest is MachineTest {
    Market private market;

    function setUp() public {
        market = Market(Make.it("Market"));
        market.setUp();
    }

    function _machine() internal view override returns (address) {
        return address(market);
    }

    function _doors() internal pure override returns (bytes4[] memory selectors) {
        selectors = new bytes4[](9);
        selectors[0] = Market.pay.selector;
        selectors[1] = Market.refund.selector;
        selectors[2] = Market.strayTransfer.selector;
        selectors[3] = Market.declareSurplus.selector;
        selectors[4] = Market.withdraw.selector;
        selectors[5] = Market.reprice.selector;
        selectors[6] = Market.payBadly.selector;
        selectors[7] = Market.buy.selector;
        selectors[8] = Market.buyBadly.selector;
    }

    function invariant_money_is_conserved_and_every_payment_has_one_effect() public view {
        market.assertHealthy();
    }
}
