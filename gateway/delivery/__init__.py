"""What brings events to browsers and carries out what they ask; the only tasks per browser.

fanout    writes the shared channel to all browsers that follow it
catch_up  serves the browsers that do not follow yet, by turns
replay    fetches what is older than the channel from the node, once for all browsers
reader    one browser as these serve it
session   one browser: its commands, their answers, its bounds
"""
