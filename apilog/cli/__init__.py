"""The command line: parses, calls, draws, and maps errors to exit codes.

Modules here import nothing heavy at the top, so that `apilog --help` is instant.
"""

from __future__ import annotations
