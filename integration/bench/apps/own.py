"""The application of the comparison on Flask's own server, which handles no signal."""

import logging
import os

from flask import Flask
from werkzeug.wsgi import get_input_stream

from app import application


def bounded(environ, start_response):
    environ["wsgi.input"] = get_input_stream(environ)  # this server's own ends only with the connection
    return application(environ, start_response)


server = Flask(__name__)
server.wsgi_app = bounded
logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for every request
server.run(host="127.0.0.1", port=int(os.environ["PORT"]))
