"""Bytes in pixels: a secret's codings, the trellis, keys, the header, the embedding. Imports `picture` and `errors`."""
