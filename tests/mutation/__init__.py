"""Mutation of the payment core: one defence disabled at a time, and the tests that reach its line asked to notice."""
