package supervisor

import (
	"bytes"
	"os"
	"strconv"
	"syscall"

	"rota/procstats"
)

// captureDirEnv begins the variable that names the folder of a capture's result.
// No other capture has the same, so it tells the processes of this one wherever
// they have gone.
const captureDirEnv = "ROTA_CAPTURE_DIR="

// endRest kills what the command of a capture has started and is still there, in
// whatever group or session. What it left behind has become rota's. It tells
// whether there was anything: that may have started more meanwhile, and takes a
// moment to end.
func (r *result) endRest() (found bool) {
	pids, err := procstats.Host.Tree(os.Getpid())
	if err != nil {
		return false
	}
	mark := append([]byte{0}, captureDirEnv+r.path+"\x00"...)
	for _, pid := range pids[1:] {
		env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err == nil && bytes.Contains(append([]byte{0}, env...), mark) {
			found = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return found
}
