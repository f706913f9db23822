package procstats

import (
	"reflect"
	"testing"
)

func TestTreeOfFixtures(t *testing.T) {
	for _, dir := range []string{"tree", "no-children-file"} {
		t.Run(dir, func(t *testing.T) {
			k := in(dir)
			check := func(what string, got []int, err error, want ...int) {
				t.Helper()
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s = %v, %v, want %v", what, got, err, want)
				}
			}
			kids, err := k.Children(10)
			check("Children(10)", kids, err, 11, 12)
			kids, err = k.Children(11)
			check("Children(11)", kids, err, 13)
			tree, err := k.Tree(10)
			check("Tree(10)", tree, err, 10, 11, 12, 13)
			group, err := k.Group(10)
			check("Group(10)", group, err, 10, 11, 14)
			group, err = k.Group(99)
			check("Group(99)", group, err)
			if _, err := k.Tree(99); !Gone(err) {
				t.Errorf("Tree(99): %v", err)
			}
			if _, err := k.Children(99); !Gone(err) {
				t.Errorf("Children(99): %v", err)
			}
		})
	}
}
