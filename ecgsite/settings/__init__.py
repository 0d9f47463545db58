"""Settings by place: ``local`` for one machine, ``test`` for pytest, ``production`` for the hospital."""
