"""The soak: kill −9 of each process of a marketplace, over and over, at points and with purchases that seeds choose."""
