package main

import "testing"

// TestFirsts asks of each first process, once, what the table is made of.
func TestFirsts(t *testing.T) {
	if missing := canContain(); missing != "" {
		t.Skipf("cannot test without %s", missing)
	}
	b := testBench(t)
	var err error
	if b.rota, err = b.build("rota"); err != nil {
		t.Fatal(err)
	}
	server, err := b.build("rota/integration/servers/hello")
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range b.present() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			if code, err := b.codeOf(f, "exit 7"); code != 7 || err != nil {
				t.Errorf("exit code %d, want 7 (%v)", code, err)
			}
			isRota := i < 2
			if isRota { // others may take all the time there is
				if passed, late, err := b.drain(f, variants[1], server, b.dir); err != nil || !passed && !late {
					t.Errorf("%s: passed %v, late %v: %v", variants[1].name, passed, late, err)
				}
			}
			if perlMissing() != "" {
				return
			}
			var r reaping
			if err := b.reapOnce(f, &r); err != nil || len(r.left) != 1 || isRota && r.left[0] != 0 {
				t.Errorf("of its orphans %v stay: %v", r.left, err)
			}
		})
	}
}
