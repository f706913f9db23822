//go:build soak

package integration

import (
	"fmt"
	"os"
	"testing"
	"text/tabwriter"
	"time"

	"rota/integration/load"
)

// How long each server of the loss matrix is soaked, of ten minutes in all. The
// fast ones are where the many requests come from.
const (
	soakLong   = 165 * time.Second
	soakShort  = 45 * time.Second
	soakCycles = 3       // for each cause, of a round
	soakLeast  = 500_000 // requests
)

// TestSoak is the loss matrix for longer, and with clients that wait for
// nothing but their answer: make soak.
func TestSoak(t *testing.T) {
	total, lost := 0, 0
	var all []*matrix
	var names []string
	for i, s := range stubborn {
		t.Run(s.name, func(t *testing.T) {
			until := time.Now().Add(soakShort)
			if i < 2 {
				until = time.Now().Add(soakLong)
			}
			m := newMatrix(t, "front", &load.Clients{Of: 2}, s.command)
			all, names = append(all, m), append(names, s.name)
			for time.Now().Before(until) {
				m.round(soakCycles)
			}
			m.finish()
			total += m.clients.Answered()
			lost += len(m.clients.Failures())
		})
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "server\tclients\tanswered\tlost\tp50\tp99\tslowest\tcycles\t")
	for i, m := range all {
		cycles := 0
		for _, n := range m.cycles {
			cycles += n
		}
		for _, k := range load.Kinds {
			seen := m.clients.Tallies[k.Name]
			fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%d\t\n", names[i], k.Name, seen.Answered, len(seen.Failed),
				seen.Quantile(0.5), seen.Quantile(0.99), seen.Quantile(1), cycles)
		}
	}
	fmt.Fprintf(table, "all\t\t%d\t%d\t\t\t\t\t\n", total, lost)
	table.Flush()
	if total < soakLeast {
		t.Errorf("%d requests, want %d at least", total, soakLeast)
	}
}
