"""APDU transport: PC/SC (the only import of pyscard), a bounded channel over T=0 and T=1, the reader's thread and key pad."""
