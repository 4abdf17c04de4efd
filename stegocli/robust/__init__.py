"""The parts of the survive method: bytes in a picture that JPEG recompression leaves readable.

    blocks      luma as 8x8 DCT blocks, libjpeg's quantisers
    ldpc        error correction with soft decisions
    lattice     bits in coefficients, by a trellis, on the quantiser's own grid
    strength    how much each part of a picture may change, and the coarse map of it
    preamble    what a reader must know first, and where it lies
    embedding   the whole of it: `capacity`, `embed`, `extract`
    channels    what known services do to pictures

This room imports from `payload` and `picture` below it, and from nothing above.
"""
