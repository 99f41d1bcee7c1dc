"""Files that people hand in and take away: CSV, XLSX."""
