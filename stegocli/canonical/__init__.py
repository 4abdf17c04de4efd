"""The parts of what survives nearly anything: few bytes in a picture's coarse structure, on a grid of its own.

    grid         luma of any size on a canonical grid, and back
    texture      where a picture is flat
    design       how strongly each coefficient may be changed
    lock         what a password opens
    dither       bits in coefficients, by distortion-compensated quantisation
    code         error correction of any low rate, with soft decisions
    convolution  the same for few bits
    fixed        where pilots and preamble lie
    preamble     what a reader must know first
    estimate     gain and noise of what a stego went through
    reading      `extract`: the content of a stego as received
    geometry     crops, turns, mirrors and borders, found from the pilots
    aiming       where each coefficient should go, so that the hardest channels leave most
    writing      a stego of given bits, at a given change of the cover
    embedding    `Embedder`: the whole of it
    channels     what happens to a picture that is shared, and what of it the writer tries
    scalers      Pillow's and OpenCV's ways to resize

This room imports from `payload` and `picture` below it, and from nothing above.
"""
