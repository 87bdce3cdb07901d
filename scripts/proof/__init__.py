"""What `make check-contracts` asks of the contracts beyond their tests."""
