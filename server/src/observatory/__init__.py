"""Observatory: monitoring and debugging for CryptoUniverse."""
