"""The commands of `stego`, one file each: parse, call the Python API, print."""
