"""A small MSP with customers, a reseller and staff, and the story `make demo` tells of them."""
