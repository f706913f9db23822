//go:build soak

package integration

import "time"

// As long as the leak is promised to be borne.
func init() { leakSpan = 2 * time.Minute }
