package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Limit tells how much memory the container may use, in bytes, and the file
// that says so; without a limit it is 0.
type Limit func() (bytes int64, source string)

// builder makes Settings of what the sources say.
type builder struct {
	s       *Settings
	environ []string
	limit   Limit
	file    *file

	source     string            // of the setting that is being set
	origins    map[string]string // by setting: what an error about it begins with
	autoJitter bool
}

var errNoCommand = errors.New("no command given: put it after --, like rota -w 3 -- python3 app.py")

// Resolve makes Settings of the flags in fs, of the command behind --, of the
// environment and of the file that --config names. It leaves fs as it is, so
// that it can be asked again when the file has changed; but for reading that
// file and looking up host names it has no effect. Every error is an ExitError.
func Resolve(fs *pflag.FlagSet, command, environ []string, limit Limit) (*Settings, error) {
	b := &builder{s: &Settings{}, environ: environ, limit: limit, origins: map[string]string{}}
	var err error
	if b.file, err = readFile(configPath(fs, environ)); err != nil {
		return nil, usage(err)
	}
	for _, v := range settings(fs) {
		if err := b.resolve(v); err != nil {
			return nil, usage(err)
		}
	}
	if err := b.takeCommand(command); err != nil {
		return nil, usage(err)
	}
	if err := b.verify(); err != nil {
		return nil, usage(err)
	}
	b.s.Config.Policy.StartTries = startTries
	b.s.Warnings = append(b.s.Warnings, strangers(environ)...)
	return b.s, nil
}

// configPath is the configuration file that the flags name, or else the
// environment.
func configPath(fs *pflag.FlagSet, environ []string) string {
	b := &builder{environ: environ, file: &file{}}
	for _, v := range settings(fs) {
		if items, _ := b.items(v); v.setting.name == "config" && len(items) > 0 {
			return items[0].text
		}
	}
	return ""
}

// resolve takes one setting from the first source that has it.
func (b *builder) resolve(v *flagValue) error {
	items, source := b.items(v)
	b.source = source
	var shown []string
	for _, it := range items {
		b.origins[v.setting.name] = it.origin
		text, err := v.setting.set(b, it.text)
		if err != nil {
			return fmt.Errorf("%s: %w", b.origins[v.setting.name], err)
		}
		shown = append(shown, text)
	}
	value := strings.Join(shown, ", ")
	if value == "" {
		value = v.setting.unset
	}
	b.s.Values = append(b.s.Values, Value{v.setting.name, value, b.source})
	return nil
}

// items are the texts of a setting in the first source that has any, each of
// them trimmed where one text may hold several.
func (b *builder) items(v *flagValue) ([]item, string) {
	s := v.setting
	if len(v.texts) > 0 {
		return s.split(v.texts, "--"+s.name, s.splits), fromFlag
	}
	if text, ok := lookup(b.environ, s.variable()); ok {
		return s.split([]string{text}, s.variable(), s.repeats), s.variable()
	}
	if e := b.file.entries[s.name]; len(e.items) > 0 {
		var items []item
		for _, it := range e.items {
			items = append(items, s.split([]string{it.text}, it.origin, s.splits)...)
		}
		return items, fmt.Sprintf("%s:%d", b.file.path, e.line)
	}
	if s.def == "" {
		return nil, fromDefault
	}
	return s.split([]string{s.def}, "--"+s.name, s.splits), fromDefault
}

// split makes items of texts, at their commas if asked to.
func (s *setting) split(texts []string, origin string, commas bool) []item {
	var items []item
	for _, text := range texts {
		parts := []string{text}
		if commas {
			parts = strings.Split(text, ",")
		}
		for _, part := range parts {
			if commas {
				part = strings.TrimSpace(part)
			}
			items = append(items, item{part, origin})
		}
	}
	return items
}

// takeCommand takes the command behind --, or else the file's.
func (b *builder) takeCommand(command []string) error {
	source := fromArguments
	if len(command) == 0 {
		command, source = b.file.command, fmt.Sprintf("%s:%d", b.file.path, b.file.line)
	}
	if len(command) == 0 || command[0] == "" {
		return errNoCommand
	}
	b.s.Config.Command = command
	b.s.Values = append(b.s.Values, Value{commandKey, strings.Join(command, " "), source})
	return nil
}
