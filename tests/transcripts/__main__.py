"""`make transcripts`: records every session afresh from a genuine Swarm, which it starts itself."""

from __future__ import annotations

from demo.ending import end_in_order
from harness.genuine import genuine
from tests.transcripts.record import record
from tests.transcripts.sessions import sessions

end_in_order()
with genuine() as socket:
    print(f"transcripts: commands={record(socket, sessions())}")
