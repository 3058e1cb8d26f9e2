"""The AWS API: moto 5.2.5, extended where it differs from AWS on this project's path.

Each module mends one part and is named for it. ``server.start`` puts the mends in place and
serves the API; everything that is particular to moto stays inside this package.
"""
