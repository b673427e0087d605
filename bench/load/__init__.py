"""Where load comes from: curl, wrk, and a client of our own for what they cannot do."""
