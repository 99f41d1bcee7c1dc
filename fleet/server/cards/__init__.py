"""Cards: history, certificates, what may be done about one; pages, API and exports."""
