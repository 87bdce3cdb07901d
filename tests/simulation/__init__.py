"""The whole marketplace in one process, on fakes and virtual time."""
