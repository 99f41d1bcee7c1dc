"""Page infrastructure: rendering, translations, static assets, exports to files."""
