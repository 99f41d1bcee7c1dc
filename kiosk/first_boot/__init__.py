"""First boot: from a blank station to one in service, step by step, by a file that an installer wrote (`kortkiosk setup`)."""
