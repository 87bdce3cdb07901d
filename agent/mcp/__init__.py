"""The Model Context Protocol, both ways: the agent as a server for an assistant, and as a client that pays for tools.

Only `agent.mcp.later` is imported by the rest of the agent; it loads the others, and the package `mcp`, when needed.
"""
