package dashboard

import (
	"fmt"

	"rota/supervisor/admin/api"
)

// bar is what the container holds, against what it may.
type bar struct {
	Name, Text string
	Parts      []part
	Budget     string // where the budget of all workers ends, in percent; empty without one
	BudgetText string
}

// part is one stretch of the bar. All of them are always there, so that the
// script finds them.
type part struct{ Class, Name, Value, X, Width string }

// barOf divides what is used: the workers' own, what they share, the rest that
// cannot be taken back, and page cache, which can.
func barOf(s *api.Status) bar {
	c, m := s.Container, s.Memory
	private := float64(m.PrivateBytes)
	total := private
	if m.TotalBytes != nil {
		total = max(total, float64(*m.TotalBytes))
	}
	needed := total
	if c.UnreclaimableBytes != nil {
		needed = max(total, float64(*c.UnreclaimableBytes))
	}
	used := needed
	if c.UsageBytes != nil {
		used = max(needed, float64(*c.UsageBytes))
	}
	b := bar{Name: "Memory of the container"}
	end := used
	switch {
	case c.LimitBytes == nil:
		b.Name, b.Text = "Memory", size(used)+", without a limit"
	default:
		end = max(used, float64(*c.LimitBytes))
		b.Text = size(used) + " of " + sizeOf(c.LimitBytes)
		if c.Machine {
			b.Name = "Memory of the machine"
		}
	}
	if m.BudgetBytes != nil {
		end = max(end, float64(*m.BudgetBytes))
		b.BudgetText = "The workers may take " + sizeOf(m.BudgetBytes)
	}
	if end <= 0 {
		end, b.Text = 1, unknown
	}
	x := 0.0
	add := func(class, name string, bytes float64) {
		b.Parts = append(b.Parts, part{class, name, size(bytes), share(x, end), share(bytes, end)})
		x += bytes
	}
	add("private", "Private", private)
	add("shared", "Shared", total-private)
	add("other", "Other", needed-total)
	add("cache", "Page cache", used-needed)
	add("free", "Free", max(0, end-used))
	if m.BudgetBytes != nil {
		b.Budget = share(float64(*m.BudgetBytes), end)
	}
	return b
}

func share(n, of float64) string { return fmt.Sprintf("%.2f%%", 100*n/of) }
