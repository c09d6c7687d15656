"""Alerts: rules held against the last minutes, and who is told when one breaks or heals.

A breach is told of once, its end once; what a target does can't hold up who evaluates.
"""
