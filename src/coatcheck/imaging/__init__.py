"""Images: how large they are, read from their headers in passing, and thumbnails, made in a process apart."""
