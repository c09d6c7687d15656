"""Alerts: rules that are evaluated on sliding windows, and the targets that are notified.

A breach is announced once, and its end once; a slow target can't hold up the evaluation.
"""
