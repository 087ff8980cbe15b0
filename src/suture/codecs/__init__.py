"""Bytes to trees and back, for the formats of the field. No sockets."""
