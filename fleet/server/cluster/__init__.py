"""The outgrown deployment: RabbitMQ in place of the embedded broker, and any number of ingest and web processes."""
