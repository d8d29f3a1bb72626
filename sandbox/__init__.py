"""
A local Acronis: one small Flask application that speaks the vendor's account management API.

It keeps its own storage file and imports nothing of the rest of the project, so what talks to it talks HTTP.
"""

from sandbox.app import create_app

__all__ = ["create_app"]
