"""Log formats: events become records and rejects. `registry` names them all."""
