"""What brings events to browsers and carries out what they ask; the only tasks per browser.

fanout   writes the shared log to all browsers that follow it
replay   replays the node's log to a browser whose cursor is older than the shared log
session  one browser: its commands, their answers, its bounds
"""
