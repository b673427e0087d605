"""Truths: what an attachment is and what may happen to it. Standard library only; no I/O, no clock, no async."""
