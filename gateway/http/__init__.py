"""Everything that speaks HTTP; the only importer of fastapi and uvicorn.

access    who may come in: Host, Origin, token
server    uvicorn with our shutdown and our WebSocket
socket    the WebSocket protocol of one browser, straight on its transport
intake    how much of what a browser sent is parsed and handled at a time
messages  whole messages from its frames
door      what all WebSockets share, and which are open
sweep     keeps an eye on all sockets: pings, stalls
app       the application: routes, middleware, errors
rest      the calls under /api
models    their JSON, for OpenAPI
headers   security headers on every answer
page      the static files
metrics   /metrics
"""
