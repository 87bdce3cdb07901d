"""Whole processes against real parts."""
