"""The nginx family: every format that a `log_format` string describes."""
