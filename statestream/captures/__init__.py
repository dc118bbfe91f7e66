"""Captures: recordings of a network, frame by frame, in HDF5. Their layout, writing, reading and comparison.

`reader`, `writer` and `compare` load HDF5; what a core needs (`contents`, `errors`) does not.
"""
