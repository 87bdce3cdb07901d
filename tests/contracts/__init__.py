"""The contracts: forge's suites, and the compiled contracts on a devnet as the server meets them."""
