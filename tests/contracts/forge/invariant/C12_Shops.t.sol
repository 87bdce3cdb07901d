// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Make} from "../base/Make.sol";
import {Shops} from "./Shops.sol";

/// @title C12: the callbacks of this repository owe what they hold and hold what they owe, whatever happens.
contract C12ShopsTest {
    bool public constant IS_TEST = true;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Shops private shops;

    function setUp() public {
        shops = Shops(Make.it("Shops"));
        shops.setUp();
    }

    /// @notice What forge calls at random; most often somebody is at a door.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](5);
        selectors[0] = Shops.pay.selector;
        selectors[1] = Shops.takeOut.selector;
        selectors[2] = Shops.wait_.selector;
        selectors[3] = Shops.strayTransfer.selector;
        selectors[4] = Shops.help.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(shops), selectors);
    }

    /// @notice The contracts that forge calls.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(shops);
    }

    function invariant_balances_are_what_is_owed_and_earned() public view {
        shops.assertHealthy();
    }
}
