package main

import "testing"

func TestFill(t *testing.T) {
	const page = "a <!-- bench: one -->\nold\n<!-- end --> b\n<!-- bench: two -->\nkept\n<!-- end -->\n"
	got, err := fill(page, map[string]string{"one": "new\n", "three": "nowhere\n"})
	want := "a <!-- bench: one -->\nnew\n<!-- end --> b\n<!-- bench: two -->\nkept\n<!-- end -->\n"
	if got != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, broken := range []string{"<!-- bench: one -->\nnever ends", "<!-- bench: one"} {
		if got, err := fill(broken, nil); err == nil {
			t.Errorf("%q became %q", broken, got)
		}
	}
}
