"""A face for agents: tools over the Model Context Protocol that ask our own API with the caller's own token."""

from observatory.mcp.face import Face
from observatory.mcp.guard import Guard
from observatory.mcp.tools import Tool, load

__all__ = ["Face", "Guard", "Tool", "load"]
