"""Deeds: what can be done with attachments. No HTTP, no SQL; facts and bytes come through the ports."""
