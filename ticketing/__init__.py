"""The domain of the marketplace. Knows no HTTP."""
