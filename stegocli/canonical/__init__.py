"""The parts of what survives nearly anything: few bytes in a picture's coarse structure, on a grid of its own.

    channels   what happens to a picture that is shared, and what of it the writer tries
    scalers    Pillow's and OpenCV's ways to resize

This room imports from `payload` and `picture` below it, and from nothing above.
"""
