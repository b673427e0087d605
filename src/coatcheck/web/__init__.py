"""Words: HTTP in, HTTP out. What happens in between is told in `services`."""
