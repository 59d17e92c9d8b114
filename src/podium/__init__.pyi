from podium.client.connect import connect as connect
from podium.local import local as local

__all__ = ["connect", "local"]
