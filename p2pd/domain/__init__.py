"""What chat is made of: frozen facts and pure rules. Imports nothing with I/O."""
