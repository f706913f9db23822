package main

var costQuestion = question{"cost", "What it costs", askCost}

// askCost has a table for each thing that may cost something.
func askCost(b *bench) (*answer, error) {
	a := &answer{}
	said := map[string]bool{}
	for _, part := range []struct {
		name string
		ask  func(*bench) ([]table, []string, error)
	}{
		{"throughput", (*bench).throughput},
		{"idle workers", (*bench).standby},
		{"start", (*bench).startup},
		{"many workers", (*bench).bigRoll},
		{"idle clients", (*bench).idleClients},
	} {
		b.say("%s", part.name)
		tables, missing, err := part.ask(b)
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
