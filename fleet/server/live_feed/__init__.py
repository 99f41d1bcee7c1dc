"""Live feed of changes: a hub in the process, NOTIFY between processes, server-sent events to pages."""
