// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Make} from "../base/Make.sol";
import {MachineTest} from "./MachineTest.sol";
import {Shops} from "./Shops.sol";

/// @title C12: the callbacks of this repository owe what they hold and hold what they owe, whatever happens.
contract C12ShopsTest is MachineTest {
    Shops private shops;

    function setUp() public {
        shops = Shops(Make.it("Shops"));
        shops.setUp();
    }

    function _machine() internal view override returns (address) {
        return address(shops);
    }

    function _doors() internal pure override returns (bytes4[] memory selectors) {
        selectors = new bytes4[](5);
        selectors[0] = Shops.pay.selector;
        selectors[1] = Shops.takeOut.selector;
        selectors[2] = Shops.wait_.selector;
        selectors[3] = Shops.strayTransfer.selector;
        selectors[4] = Shops.help.selector;
    }

    function invariant_balances_are_what_is_owed_and_earned() public view {
        shops.assertHealthy();
    }
}
