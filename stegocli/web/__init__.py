"""The page of `stego serve`: a small web server on this machine, and what the browser gets from it."""
