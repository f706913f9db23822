#!/bin/sh
# For --capture, with a server that writes evidence to a file when it gets a signal: sends the signal, waits until
# the file is complete, and moves it to the capture's folder.
#
#   signal.sh SIGNAL FILE
#
# FILE may be a pattern like '/tmp/Heap.*.PID.*.heapsnapshot'; PID in it stands for the server's.
set -eu
pid=$ROTA_SERVER_PID
pattern=$(printf %s "$2" | sed "s/PID/$pid/g")

kill -s "$1" "$pid"
while kill -0 "$pid" 2>/dev/null; do # for how long is --capture-timeout's to say
    for file in $pattern; do
        # What the server has open it has not finished.
        if [ -f "$file" ] && ! ls -l "/proc/$pid/fd" | grep -qF -- "-> $(readlink -f "$file")"; then
            exec mv -- "$file" "$ROTA_CAPTURE_DIR/"
        fi
    done
    sleep 0.05
done
echo "process $pid ended and left no $pattern" >&2
exit 1
