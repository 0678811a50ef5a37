"""The wire: schema text, frames, JSON to protobuf, replies. No I/O beyond the package's own files."""
