"""The mathematics of every item, written once over the operations of a backend.

`Step` is what one device group computes in one frame; `array_table` and `initial_value` are the arrays it works on.
"""
