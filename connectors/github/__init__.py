"""The connector for GitHub."""

from connectors.github.connector import GitHub

__all__ = ["GitHub"]
