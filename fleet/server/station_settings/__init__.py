"""Settings of stations, in four layers: the fleet's, a group's, a site's and a station's own; the nearest wins, key by key."""
