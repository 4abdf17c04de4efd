"""The network: wavelet, couplings, channel, precision, weights, tiles. Imports `payload`, `picture` and `errors`."""
