#!/bin/sh
# For --capture, with a server that writes evidence to a file when it gets a signal: sends the signal, waits until
# the file is complete, and moves it to the capture's folder.
#
#   signal.sh SIGNAL FILE
#
# It asks the process of the worker that has the most memory of its own, of those that catch the signal: it would
# end any other. FILE may be a pattern like '/tmp/Heap.*.PID.*.heapsnapshot'; PID in it stands for that process's.
set -eu

number=1 # of the signal
until [ "$(kill -l "$number" 2>/dev/null)" = "$1" ]; do
    number=$((number + 1))
    if [ "$number" -gt 64 ]; then
        echo "there is no signal $1 (want a name like USR2)" >&2
        exit 1
    fi
done

# caught PID: bit number-1 of a hexadecimal mask says so.
caught() {
    digit=$(sed -n 's/^SigCgt:[^0-9a-f]*//p' "/proc/$1/status" 2>/dev/null | tail -c $(((number - 1) / 4 + 2)) | head -c 1)
    [ $((0x${digit:-0} >> (number - 1) % 4 & 1)) = 1 ]
}

pid=
for candidate in $ROTA_WORKER_PIDS; do # the largest first
    if caught "$candidate"; then
        pid=$candidate
        break
    fi
done
if [ -z "$pid" ]; then
    echo "SIG$1 was not sent: no process of the worker catches it ($ROTA_WORKER_PIDS), and it would end one that does not" >&2
    exit 1
fi

IFS= # a pattern may have spaces
pattern=$(printf %s "$2" | sed "s/PID/$pid/g")
note=${ROTA_CAPTURE_DIR%/*}/.signal-$pid

# What a server finished when nobody waited for it any more goes now, once the server has gone.
for old in "${note%-*}"-*; do
    owner=${old##*-}
    if [ -f "$old" ] && { [ "$owner" = "$pid" ] || [ ! -d "/proc/$owner" ]; }; then
        rm -f -- $(cat "$old") "$old"
    fi
done
for file in $pattern; do
    if [ -e "$file" ]; then
        echo "$file is there already and could not be told from a new one: move it away" >&2
        exit 1
    fi
done

printf '%s\n' "$pattern" >"$note"
trap 'rm -f -- $pattern' EXIT # what there is by then; the note is for what comes later
trap 'exit 143' TERM INT HUP
kill -s "$1" "$pid"
while kill -0 "$pid" 2>/dev/null; do # for how long is --capture-timeout's to say
    for file in $pattern; do
        # What the server has open it has not finished.
        if [ -f "$file" ] && ! ls -l "/proc/$pid/fd" | grep -qF -- "-> $(readlink -f "$file")"; then
            mv -- "$file" "$ROTA_CAPTURE_DIR/"
            rm -f -- "$note"
            exit
        fi
    done
    sleep 0.05
done
echo "process $pid ended and left no $pattern" >&2
exit 1
