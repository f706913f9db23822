#!/bin/sh
# An entrypoint as many images have it: it prepares something and runs the command, without exec.
umask 022
"$@"
