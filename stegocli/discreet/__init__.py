"""A payload that hardly shows: adaptive costs, syndrome-trellis codes, keyed positions. Imports `payload` and below."""
