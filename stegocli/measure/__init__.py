"""Figures: scoring pictures and folders, timing the machine. Imports every room below; only `cli` is above."""
