"""Ingest of station events: parse, write once and in order, project, acknowledge."""
