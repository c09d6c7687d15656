"""Log formats: lines in, records and rejects out. `registry` names them all."""
