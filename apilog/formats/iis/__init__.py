"""Microsoft's Internet Information Services: its own format, beside W3C's and NCSA's."""
