"""Cluster deployment: RabbitMQ in place of the embedded broker, leader election, any number of ingest and web processes."""
