"""Infrastructure that every subject of the server stands on: database, broker, cluster, process, web, pages, live feed."""
