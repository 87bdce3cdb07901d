"""What both sides of a purchase agree on: wire structs, headers, amounts, typed data and signatures."""
