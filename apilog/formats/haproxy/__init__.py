"""HAProxy: its `log-format` strings, its default formats and the lines beside them."""
