"""The parts of the robust method: bytes in a picture that JPEG recompression leaves readable.

    blocks            luma as 8x8 DCT blocks, libjpeg's quantisers
    fastdct           the same after an encoder with the fast integer DCT
    ldpc              error correction with soft decisions
    lattice           bits in coefficients, by a trellis, on the quantiser's own grid
    strength          how much each part of a picture may change, and the coarse map of it
    rangecoder        that map as bytes
    sync              what a reader must know first, and where it lies
    legacy            the same of format 1
    carriers          the coefficients of the content, and its stream of bits
    simulate          the chains of files that a stego is tried with
    precompensation   coefficients moved to where those chains leave them right
    reading           `extract`
    embedding         `Embedder`: the whole of it
    services          what known services do to pictures

This room imports from `canonical`, `payload` and `picture` below it, and from nothing above.
"""
