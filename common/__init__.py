"""What the node and the gateway share; imports neither of them.

files       small files, each written as a whole
rates       how often something may happen
backoff     how long to wait before the next try
settings    the settings of a service, from flags and environment; errors
readers     readers of single values; addresses, where a service listens
logs        how log lines look
garbage     what the garbage collector leaves alone
open_files  how many files the process may have open
"""
