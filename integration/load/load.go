// Package load asks servers, as clients do that never send a request again: what
// is not answered is lost. Arrive sends by a schedule, whoever waits (an open loop);
// Clients and Drive send the next request once the one before is answered (a closed
// loop); Hammer does so as fast as it can.
package load

import "time"

// patience is how long a client waits for an answer, and to be connected. It is no
// measure of speed: a slow machine must not make a loss of what only takes long.
const patience = 90 * time.Second
