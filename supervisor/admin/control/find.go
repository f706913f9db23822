package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rota/supervisor/admin/api"
)

// Variable is where commands find the path of the socket that is not in its
// default place, as a flag of a pool is found.
const Variable = "ROTA_CONTROL"

// Off is the path of a control socket that is not wanted.
const Off = "off"

// describeTime is how long each of several pools may take to say what it is.
const describeTime = time.Second

// None is the error of Find when no pool runs, as far as can be seen.
type None struct {
	Searched []string // folders
}

func (e *None) Error() string {
	return fmt.Sprintf("no running rota found: looked in %s (give the path of its socket with --control, or in %s)",
		strings.Join(e.Searched, ", "), Variable)
}

// Several is the error of Find when more than one pool runs.
type Several struct {
	Pools []string // a line for each
}

func (e *Several) Error() string {
	return "several rotas run: say which with --control PATH\n  " + strings.Join(e.Pools, "\n  ")
}

// Find is the pool whose socket is at explicit, or else at what ROTA_CONTROL
// says, or else the one running pool that this user may ask. Sockets that
// this user's pools have left behind are removed on the way.
func Find(explicit string) (*api.Client, error) {
	if explicit == "" {
		explicit = os.Getenv(Variable)
	}
	switch {
	case explicit == Off:
		return nil, fmt.Errorf("a pool without a control socket cannot be asked: --control, or %s, is %s", Variable, Off)
	case explicit != "":
		if err := CheckPath(explicit); err != nil {
			return nil, err
		}
		return api.NewClient(explicit), nil
	}
	return findIn(searched())
}

func findIn(dirs []string) (*api.Client, error) {
	var live []string
	for _, dir := range dirs {
		live = append(live, look(dir, os.Geteuid())...)
	}
	if len(live) == 0 && os.Geteuid() == 0 {
		for dir, uid := range others() {
			live = append(live, look(dir, uid)...)
		}
		slices.Sort(live)
	}
	switch len(live) {
	case 0:
		return nil, &None{dirs}
	case 1:
		return api.NewClient(live[0]), nil
	}
	return nil, &Several{describeAll(live)}
}

// look lists the sockets of live pools in a folder that only a user can write to.
func look(dir string, uid int) (live []string) {
	entries, err := os.ReadDir(dir)
	if err != nil || own(dir, uid, false) != nil {
		return nil
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.Type() != fs.ModeSocket || !strings.HasSuffix(path, suffix):
		case dead(path):
			// Another user can put something else into its place at any moment.
			if uid == os.Geteuid() {
				clean(path)
			}
		default:
			live = append(live, path)
		}
	}
	return live
}

// clean removes a socket that still is dead once no rota is about to make its own.
func clean(path string) {
	defer lock(filepath.Dir(path))()
	if dead(path) {
		os.Remove(path)
	}
}

// describeAll tells pools apart. None says what it runs: the command line may
// hold secrets.
func describeAll(sockets []string) []string {
	lines := make([]string, len(sockets))
	var all sync.WaitGroup
	for i, socket := range sockets {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), describeTime)
			defer cancel()
			lines[i] = socket + ": " + describe(api.NewClient(socket).Status(ctx))
		})
	}
	all.Wait()
	return lines
}

func describe(s *api.Status, err error) string {
	var refused *api.Error
	switch {
	case errors.As(err, &refused):
		return refused.Message
	case err != nil:
		return "does not answer"
	}
	var serves []string
	for _, l := range s.Listeners {
		serves = append(serves, l.Address)
	}
	text := fmt.Sprintf("pid %d", s.PID)
	if len(serves) > 0 {
		text += ", serves " + strings.Join(serves, " and ")
	}
	return fmt.Sprintf("%s, %d of %d workers ready, up for %s", text, s.Ready, s.Desired, s.Time.Sub(s.StartedAt).Round(time.Second))
}
