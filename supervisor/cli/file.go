package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// commandKey is the one key of the file that is no flag.
const commandKey = "command"

// file is what a configuration file says, before anything of it is parsed.
type file struct {
	path    string
	entries map[string]entry // by the name of the setting
	command []string
	line    int // of the command
}

// entry is what the file says of one setting.
type entry struct {
	line  int // of the key
	items []item
}

// item is one value, with what an error about it begins with.
type item struct {
	text   string
	origin string // --max-memory, ROTA_MAX_MEMORY, rota.yaml:3: max-memory
}

// readFile reads a configuration file. Without a path it is empty.
func readFile(path string) (*file, error) {
	if path == "" {
		return &file{}, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err // the path is named already
		}
		return nil, fmt.Errorf("cannot read the configuration %s: %w", path, err)
	}
	return parseFile(path, data)
}

// parseFile reads the text of a configuration file. Every error names the file
// and its line.
func parseFile(path string, data []byte) (*file, error) {
	f := &file{path: path, entries: map[string]entry{}}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return f, nil // empty, or nothing but comments
	case err != nil:
		return nil, f.yamlError(err)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, f.errorf(second.Line, "a second document begins: put all settings into the first")
	} else if !errors.Is(err, io.EOF) {
		return nil, f.yamlError(err)
	}
	top := resolveAlias(document.Content[0])
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return f, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, f.errorf(top.Line, "%s where settings are wanted, like max-memory: 512MiB", kindOf(top))
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], resolveAlias(top.Content[i+1])
		if line, twice := seen[key.Value]; twice {
			return nil, f.errorf(key.Line, "%s is set twice, first on line %d", key.Value, line)
		}
		seen[key.Value] = key.Line
		if err := f.take(key, value); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// take reads one key with its value.
func (f *file) take(key, value *yaml.Node) error {
	if key.Kind != yaml.ScalarNode {
		return f.errorf(key.Line, "%s is no name of a setting", kindOf(key))
	}
	if key.Value == commandKey {
		return f.takeCommand(key, value)
	}
	i := slices.IndexFunc(schema, func(s *setting) bool { return s.name == key.Value })
	if i < 0 {
		names := []string{commandKey}
		for _, s := range schema {
			names = append(names, s.name)
		}
		return f.errorf(key.Line, "unknown key %q%s", key.Value, didYouMean(key.Value, names, "%q"))
	}
	s := schema[i]
	if s.name == "config" {
		return f.errorf(key.Line, "config: a file cannot name another one")
	}
	items, err := f.items(s, key, value)
	f.entries[s.name] = entry{line: key.Line, items: items}
	return err
}

// items reads the value of a setting: one text, a list of texts, or a mapping.
func (f *file) items(s *setting, key, value *yaml.Node) ([]item, error) {
	switch {
	case value.Kind == yaml.ScalarNode:
		it, err := f.scalar(s.name, key.Line, value)
		return []item{it}, err
	case value.Kind == yaml.SequenceNode && s.repeats:
		var items []item
		for _, n := range value.Content {
			it, err := f.scalar(s.name, n.Line, resolveAlias(n))
			if err != nil {
				return nil, err
			}
			items = append(items, it)
		}
		return items, nil
	case value.Kind == yaml.MappingNode && s.pairs:
		return f.pairs(s, value)
	}
	want := "one value"
	switch {
	case s.pairs:
		want = "a mapping or a list of KEY=VALUE"
	case s.repeats:
		want = "one value or a list"
	}
	return nil, f.errorf(value.Line, "%s: %s where %s is wanted", s.name, kindOf(value), want)
}

// pairs reads a mapping as KEY=VALUE texts.
func (f *file) pairs(s *setting, mapping *yaml.Node) ([]item, error) {
	var items []item
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], resolveAlias(mapping.Content[i+1])
		if key.Kind != yaml.ScalarNode {
			return nil, f.errorf(key.Line, "%s: %s is no name of a variable", s.name, kindOf(key))
		}
		prefix := key.Value + "="
		if slices.ContainsFunc(items, func(it item) bool { return strings.HasPrefix(it.text, prefix) }) {
			return nil, f.errorf(key.Line, "%s: %s is set twice", s.name, key.Value)
		}
		// An empty string has to be written as one: a name with nothing behind
		// it may just as well be forgotten.
		it, err := f.scalar(s.name+": "+key.Value, key.Line, value)
		if err != nil {
			return nil, err
		}
		items = append(items, item{prefix + it.text, f.at(key.Line) + s.name})
	}
	return items, nil
}

// takeCommand reads the command, which must be a list: splitting a string is
// the shell's work, and half of its rules would be worse than none.
func (f *file) takeCommand(key, value *yaml.Node) error {
	f.line = key.Line
	if value.Kind == yaml.ScalarNode && value.Tag != "!!null" {
		quoted := strings.Fields(value.Value)
		for i, word := range quoted {
			quoted[i] = fmt.Sprintf("%q", word)
		}
		return f.errorf(value.Line, "command: a string where a list is wanted, like [%s]", strings.Join(quoted, ", "))
	}
	if value.Kind != yaml.SequenceNode {
		return f.errorf(value.Line, `command: %s where a list is wanted, like ["python3", "app.py"]`, kindOf(value))
	}
	for _, n := range value.Content {
		it, err := f.scalar(commandKey, n.Line, resolveAlias(n))
		if err != nil {
			return err
		}
		f.command = append(f.command, it.text)
	}
	if len(f.command) == 0 || f.command[0] == "" {
		return f.errorf(key.Line, `command: is empty (want a list like ["python3", "app.py"])`)
	}
	return nil
}

// scalar reads one text as it was written: 010, yes and 1e3 mean nothing else
// here than on the command line.
func (f *file) scalar(name string, line int, n *yaml.Node) (item, error) {
	switch {
	case n.Kind != yaml.ScalarNode:
		return item{}, f.errorf(n.Line, "%s: %s where one value is wanted", name, kindOf(n))
	case n.Tag == "!!null":
		return item{}, f.errorf(line, "%s: has no value (leave the line out for the default)", name)
	}
	return item{text: n.Value, origin: f.at(line) + name}, nil
}

// at is what an error about a line begins with.
func (f *file) at(line int) string { return fmt.Sprintf("%s:%d: ", f.path, line) }

func (f *file) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s%w", f.at(line), fmt.Errorf(format, args...))
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// yamlError puts the parser's own message into the form of all the others.
func (f *file) yamlError(err error) error {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	parts := yamlLine.FindStringSubmatch(text)
	if parts == nil {
		return fmt.Errorf("%s: is not YAML: %s", f.path, text)
	}
	if parts[1] == "" {
		return fmt.Errorf("%s: is not YAML: %s", f.path, parts[2])
	}
	return fmt.Errorf("%s:%s: is not YAML: %s", f.path, parts[1], parts[2])
}

func resolveAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// kindOf names what a node is, with its article.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	}
	return "a string"
}
