package cli

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rota/listener"
	"rota/supervisor"
	"rota/supervisor/admin/control"
)

var (
	setAccept = word(func(s *Settings) *string { return &s.Config.Accept },
		supervisor.AcceptFront, supervisor.AcceptShared, supervisor.AcceptSteered)
	setReady = word(func(s *Settings) *string { return &s.Config.Ready },
		supervisor.ReadyListen, supervisor.ReadyHTTP, supervisor.ReadyNotify)
)

func setListen(b *builder, text string) (string, error) {
	address, err := listener.ParseAddress(text)
	if err != nil {
		return "", err
	}
	if slices.Contains(b.s.Config.Listen, address) {
		return "", fmt.Errorf("%q is given twice", text)
	}
	b.s.Config.Listen = append(b.s.Config.Listen, address)
	return address.String(), nil
}

func setHandoff(b *builder, text string) (string, error) {
	err := choice(text, []string{supervisor.HandoffAdopt, supervisor.HandoffInherit, supervisor.HandoffPort})
	if err != nil {
		return "", err
	}
	if !slices.Contains(b.s.Config.Handoff, text) {
		b.s.Config.Handoff = append(b.s.Config.Handoff, text)
	}
	return text, nil
}

func setAdmin(b *builder, text string) (string, error) {
	if text == off {
		return off, nil
	}
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", fmt.Errorf("%q is not an address (want host:port like 127.0.0.1:9797, or off)", text)
	}
	b.s.Admin = text
	return text, nil
}

func setControl(b *builder, text string) (string, error) {
	if text == off {
		b.s.Control = off
		return off, nil
	}
	path, err := filepath.Abs(text)
	if err == nil {
		err = control.CheckPath(path)
	}
	if err != nil {
		return "", err
	}
	b.s.Control = path
	return text, nil
}

// setEnv shows the name alone: the value may be a secret, and what is shown
// ends up in terminals and tickets.
func setEnv(b *builder, text string) (string, error) {
	name, _, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return "", fmt.Errorf("%q is not KEY=VALUE", text)
	}
	if strings.ContainsRune(text, 0) {
		return "", fmt.Errorf("the value of %s holds a NUL byte, which no environment can", name)
	}
	b.s.Config.Env = append(b.s.Config.Env, text)
	return name, nil
}

func setWatch(b *builder, text string) (string, error) {
	if text == "" {
		return "", errors.New("is empty (want the path of a file)")
	}
	b.s.Watch = append(b.s.Watch, text)
	return text, nil
}
