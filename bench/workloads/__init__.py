"""What is done to a server, and how it is told how it went; each is a `measuring.Workload`."""
