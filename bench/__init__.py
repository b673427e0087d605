"""Coatcheck beside its peers, on one machine and one disk: `scripts/bench --help`, docs/performance.md."""
