package main

import (
	"fmt"
	"os"
	"strings"
)

// A page may have places for figures, so that none is typed by hand:
//
//	<!-- bench: A leak in a container -->
//	whatever the last run has put here
//	<!-- end -->
const (
	placeBegins = "<!-- bench: "
	placeNamed  = " -->\n"
	placeEnds   = "<!-- end -->"
)

// insert puts texts into the places of a file that are called like them. Places for
// which there is no text stay as they are.
func insert(path string, texts map[string]string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	filled, err := fill(string(page), texts)
	if err != nil {
		return fmt.Errorf("cannot put figures into %s: %w", path, err)
	}
	return os.WriteFile(path, []byte(filled), 0o644)
}

func fill(page string, texts map[string]string) (string, error) {
	var s strings.Builder
	for {
		before, rest, found := strings.Cut(page, placeBegins)
		s.WriteString(before)
		if !found {
			return s.String(), nil
		}
		name, rest, named := strings.Cut(rest, placeNamed)
		old, rest, ended := strings.Cut(rest, placeEnds)
		if !named || !ended {
			return "", fmt.Errorf("a place for figures has no end: %.60s", name)
		}
		text, ok := texts[name]
		if !ok {
			text = old
		}
		s.WriteString(placeBegins + name + placeNamed + text + placeEnds)
		page = rest
	}
}
