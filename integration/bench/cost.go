package main

var costQuestion = question{"cost", "What it costs", askCost}

// askCost has a table for each thing that may cost something.
func askCost(b *bench) (*answer, error) {
	a := &answer{}
	said := map[string]bool{}
	for _, part := range []func(*bench) ([]table, []string, error){
		(*bench).throughput, (*bench).standby, (*bench).startup, (*bench).bigRoll, (*bench).idleClients, (*bench).copies,
	} {
		tables, missing, err := part(b)
		if err != nil {
			return nil, err
		}
		b.sweep()
		a.tables = append(a.tables, tables...)
		for _, m := range missing {
			if !said[m] {
				said[m] = true
				a.missing = append(a.missing, m)
			}
		}
	}
	return a, nil
}
