"""Faces in pictures: found and followed before the camera, or read from files; measured, and judged as samples."""
