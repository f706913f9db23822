//go:build !race

package verdict

// seeds is how many pools of each trace are watched.
const seeds = 50
