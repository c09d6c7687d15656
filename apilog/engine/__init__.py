"""The engine: chunks of all inputs and files of stores become records, where and how that runs."""
