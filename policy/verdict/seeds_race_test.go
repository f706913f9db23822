//go:build race

package verdict

// seeds is how many pools of each trace are watched: one, since nothing here
// runs at the same time as anything else and the race detector makes it slow.
const seeds = 1
