"""Model calls, consensus and memory."""
