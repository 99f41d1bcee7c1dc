"""Twin of the receipt printer: a virtual one that obeys the rules of real ones."""
