"""The endpoints of consumers, seen as a client sees them."""
