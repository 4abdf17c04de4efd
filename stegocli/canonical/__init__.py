"""Bits in a canonical grid of a picture: what survives resizing, other codecs, screenshots.

coset    bits in numbers, by distortion-compensated quantisation
code     error correction of any low rate, with soft decisions
"""
