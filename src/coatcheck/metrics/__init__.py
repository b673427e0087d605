"""What the server counts of itself, and how Prometheus is told. The only package that knows Prometheus."""
