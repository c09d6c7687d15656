"""Engines: where and how the work on chunks is done."""
