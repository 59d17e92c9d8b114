"""The version of Podium that is running."""

VERSION = "0.1.0"
