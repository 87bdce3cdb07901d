"""The buyer console: pages for the person whose money it is."""
